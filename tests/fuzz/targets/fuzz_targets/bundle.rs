#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dutyledger_test_fuzz::bundle(bytes));
