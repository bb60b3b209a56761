//! ZIP files that are written as no bundle is.

use std::io::{Cursor, Write};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// The bytes of the record at the end.
const END: usize = 22;
/// The bytes of a file's place in the directory, before its name.
const LISTED: usize = 46;

/// A ZIP file of these files, in their order.
pub(crate) fn zipped<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    with_options(files, SimpleFileOptions::default())
}

/// The same, nothing in it compressed.
pub(crate) fn stored<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    with_options(files, options)
}

fn with_options<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    options: SimpleFileOptions,
) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> usize {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..at + N]);
    usize::from_le_bytes(number)
}

fn put(bytes: &mut [u8], at: usize, number: usize) {
    let number = u32::try_from(number).unwrap();
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// A ZIP file taken apart: its files, its directory and its end.
struct Archive {
    files: Vec<u8>,
    directory: Vec<u8>,
    end: Vec<u8>,
}

impl Archive {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.len() - END;
        let directory = number::<4>(bytes, end + 16);
        Self {
            files: bytes[..directory].to_vec(),
            directory: bytes[directory..end].to_vec(),
            end: bytes[end..].to_vec(),
        }
    }

    /// Where each file's place in the directory begins.
    fn places(&self) -> Vec<usize> {
        let (mut at, mut places) = (0, Vec::new());
        while at < self.directory.len() {
            places.push(at);
            let parts = [28, 30, 32].map(|field| number::<2>(&self.directory, at + field));
            at += LISTED + parts.iter().sum::<usize>();
        }
        places
    }

    /// Says of each file that it begins elsewhere.
    fn moved(&mut self, to: impl Fn(usize) -> usize) {
        for place in self.places() {
            let at = place + 42;
            let start = to(number::<4>(&self.directory, at));
            put(&mut self.directory, at, start);
        }
    }

    fn whole(mut self) -> Vec<u8> {
        put(&mut self.end, 12, self.directory.len());
        put(&mut self.end, 16, self.files.len());
        [self.files, self.directory, self.end].concat()
    }
}

/// Two archives one behind the other, with one end. Who goes by where the end says the directory
/// begins finds the first; who looks for it before the end finds the second.
pub(crate) fn two_directories(first: &[u8], second: &[u8]) -> Vec<u8> {
    let (first, mut second) = (Archive::of(first), Archive::of(second));
    assert_eq!(first.places().len(), second.places().len());
    let start = first.files.len();
    // Such a reader believes that as many bytes stand before the archive as it is off by.
    let behind = second.files.len();
    second.moved(|at| start + at - behind);
    put(&mut second.end, 12, second.directory.len());
    put(&mut second.end, 16, start);
    [
        first.files,
        first.directory,
        second.files,
        second.directory,
        second.end,
    ]
    .concat()
}

/// Bytes that are no file's, before a file.
pub(crate) fn with_gap(bytes: &[u8], before: usize, gap: &[u8]) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let at = number::<4>(&archive.directory, archive.places()[before] + 42);
    archive.moved(|start| if start < at { start } else { start + gap.len() });
    archive.files.splice(at..at, gap.iter().copied());
    archive.whole()
}

/// Bytes behind those the first file is unpacked from, which both headers say are its own.
pub(crate) fn with_hidden(bytes: &[u8], hidden: &[u8]) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let compressed = number::<4>(&archive.directory, 20);
    let header = 30 + number::<2>(&archive.files, 26) + number::<2>(&archive.files, 28);
    let end = header + compressed;
    archive.moved(|start| {
        if start < end {
            start
        } else {
            start + hidden.len()
        }
    });
    archive.files.splice(end..end, hidden.iter().copied());
    put(&mut archive.directory, 20, compressed + hidden.len());
    put(&mut archive.files, 18, compressed + hidden.len());
    archive.whole()
}

/// The first file's only block says that another follows.
pub(crate) fn without_end(bytes: &[u8]) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let start = 30 + number::<2>(&archive.files, 26) + number::<2>(&archive.files, 28);
    assert_eq!(archive.files[start] & 1, 1, "the file is one block");
    archive.files[start] ^= 1;
    archive.whole()
}

/// The first file's text in a block that is not the last, and behind it a block of no kind.
pub(crate) fn with_broken_end(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let length = u16::try_from(text.len()).unwrap();
    let [low, high] = length.to_le_bytes();
    let packed = [&[0, low, high, !low, !high], text, &[7]].concat();
    let was = number::<4>(&archive.directory, 20);
    let data = 30 + number::<2>(&archive.files, 26) + number::<2>(&archive.files, 28);
    archive.moved(|start| match start {
        0 => 0,
        _ => start - was + packed.len(),
    });
    put(&mut archive.directory, 20, packed.len());
    put(&mut archive.files, 18, packed.len());
    archive.files.splice(data..data + was, packed);
    archive.whole()
}

/// A comment on the first file.
pub(crate) fn with_comment(bytes: &[u8], comment: &[u8]) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let end = archive.places()[1];
    archive.directory.splice(end..end, comment.iter().copied());
    archive.directory[32] = u8::try_from(comment.len()).unwrap();
    archive.whole()
}

/// The first file is said to have more bytes than it has, or fewer, in both places.
pub(crate) fn with_size(bytes: &[u8], more: isize) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let size = number::<4>(&archive.directory, 24);
    let size = size.checked_add_signed(more).unwrap();
    put(&mut archive.directory, 24, size);
    put(&mut archive.files, 22, size);
    archive.whole()
}

/// The first file is said, in both places, to be unpacked from so many bytes, and the second to begin
/// where those end.
pub(crate) fn with_compressed(bytes: &[u8], compressed: u64) -> Vec<u8> {
    let mut archive = Archive::of(bytes);
    let enlarged = |value: u64| [&[1, 0, 8, 0], &value.to_le_bytes()[..]].concat();
    let extra = enlarged(compressed);
    let name = number::<2>(&archive.files, 26);
    put(&mut archive.files, 18, u32::MAX as usize);
    archive.files[28] = u8::try_from(extra.len()).unwrap();
    let data = 30 + name + extra.len();
    archive
        .files
        .splice(30 + name..30 + name, extra.iter().copied());
    let begins = compressed + data as u64;
    // The second first, as what is before it moves.
    for (place, field, extra) in [(1, 42, enlarged(begins)), (0, 20, extra)] {
        let at = archive.places()[place];
        let name = number::<2>(&archive.directory, at + 28);
        put(&mut archive.directory, at + field, u32::MAX as usize);
        archive.directory[at + 30] = u8::try_from(extra.len()).unwrap();
        let behind = at + LISTED + name;
        archive.directory.splice(behind..behind, extra);
    }
    archive.whole()
}

/// One name in place of another of its length, wherever it stands.
pub(crate) fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}
