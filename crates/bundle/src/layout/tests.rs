use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

/// The bytes of the end record.
const LAST: usize = 22;

fn archive(large: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["first", "second"] {
        let options = SimpleFileOptions::default().large_file(large && name == "first");
        zip.start_file(name, options).unwrap();
        zip.write_all(b"what it holds").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn directory(bytes: &[u8]) -> usize {
    let at = bytes.len() - 6;
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn laid(bytes: &[u8]) -> Result<Vec<Span>, Failure> {
    layout(&mut Cursor::new(bytes))
}

fn with(mut bytes: Vec<u8>, at: usize, other: &[u8]) -> Vec<u8> {
    bytes[at..at + other.len()].copy_from_slice(other);
    bytes
}

/// An archive whose end is that of a large one.
fn with_large_end(bytes: &[u8]) -> Vec<u8> {
    let (start, end) = (directory(bytes) as u64, bytes.len() - LAST);
    let mut all = bytes[..end].to_vec();
    all.extend(LARGE_END.to_le_bytes());
    all.extend(44u64.to_le_bytes());
    all.extend([45, 0, 45, 0]);
    all.extend(0u64.to_le_bytes());
    for number in [2, 2, end as u64 - start, start] {
        all.extend(number.to_le_bytes());
    }
    all.extend(LOCATOR.to_le_bytes());
    all.extend(0u32.to_le_bytes());
    all.extend((end as u64).to_le_bytes());
    all.extend(1u32.to_le_bytes());
    let mut last = bytes[end..].to_vec();
    last[12..20].fill(0xff);
    [all, last].concat()
}

#[test]
fn what_is_written_is_laid_out_file_by_file() {
    for bytes in [
        archive(false),
        archive(true),
        with_large_end(&archive(true)),
    ] {
        let spans = laid(&bytes).unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["first", "second"]);
        assert!(spans.iter().all(|span| span.size == 13));
        assert_eq!(spans[0].start, 0);
        assert_eq!(spans[1].start, spans[0].data + spans[0].compressed);
    }
}

#[test]
fn an_end_in_two_ways_is_refused() {
    let bytes = with_large_end(&archive(false));
    let length = bytes.len();
    // The locator is there, and the fields of the end do not send anybody to it.
    let start = u32::try_from(directory(&archive(false))).unwrap();
    let size = u32::try_from(archive(false).len()).unwrap() - 22 - start;
    let short = with(bytes.clone(), length - 10, &size.to_le_bytes());
    let short = with(short, length - 6, &start.to_le_bytes());
    assert!(laid(&short).is_err());
    // The two ends disagree about the directory, and about where the large one is.
    assert!(laid(&with(bytes.clone(), length - 6, &start.to_le_bytes())).is_ok());
    assert!(laid(&with(bytes.clone(), length - 6, &(start + 1).to_le_bytes())).is_err());
    assert!(laid(&with(bytes, length - 22 - 12, &[9])).is_err());
    // The fields are too large, and there is no locator.
    let bytes = archive(false);
    let length = bytes.len();
    assert!(laid(&with(bytes, length - 6, &[0xff; 4])).is_err());
}

#[test]
fn a_directory_that_is_not_where_its_end_says_is_refused() {
    for bytes in [archive(false), archive(true)] {
        let (at, length) = (directory(&bytes), bytes.len());
        for other in [[&bytes[..at], b"x", &bytes[at..]].concat(), {
            let end = length - LAST;
            [&bytes[..end], b"x", &bytes[end..]].concat()
        }] {
            assert!(laid(&other).is_err());
        }
        assert!(laid(&[b"x", &bytes[..]].concat()).is_err());
        assert!(laid(&[&bytes[..], b"x"].concat()).is_err());
        for end in 0..length {
            assert!(laid(&bytes[..end]).is_err());
        }
    }
}

#[test]
fn what_only_some_readers_see_is_refused() {
    let bytes = archive(false);
    let at = directory(&bytes);
    // In the directory: the version, a flag, another method, the length of an extra field, that of a comment, the
    // disk, a folder's attribute, a link's mode, the offset.
    for (field, other) in [
        (6, 46),
        (8, 1),
        (8, 8),
        (10, 12),
        (30, 4),
        (32, 1),
        (34, 1),
        (38, 0x10),
        (41, 0xa1),
        (42, 1),
    ] {
        assert!(laid(&with(bytes.clone(), at + field, &[other])).is_err());
    }
    // In the header before the file: its version, flags, method, checksum, sizes, lengths and name.
    for field in [4, 6, 8, 14, 18, 22, 26, 28, 30] {
        let other = bytes[field] ^ 0x22;
        assert!(laid(&with(bytes.clone(), field, &[other])).is_err());
    }
    // A second name in an extra field.
    let extra = [&0x7075u16.to_le_bytes()[..], &[1, 0, 1]].concat();
    let end = at + 46 + "first".len();
    let mut second = [&bytes[..end], &extra, &bytes[end..]].concat();
    second[at + 30] = 5;
    let size = second.len() - 10;
    second[size] += 5;
    assert!(laid(&second).is_err());
}
