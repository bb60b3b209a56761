//! Where everything in a ZIP file lies. Each of its bytes belongs to one file, to the directory or to
//! the end record, so no two readers can find other files in it, wherever they begin to look.

use std::fmt::Display;
use std::io::{Read, Seek, SeekFrom};

use crate::failure::{Failure, Kind};
use crate::manifest::{FILES_MAX, is_name};

/// The most bytes of a directory: what is known of the files takes memory in proportion to them.
const DIRECTORY_BYTES_MAX: u64 = 16 * 1024 * 1024;

const END: u32 = 0x0605_4b50;
const END_BYTES: u64 = 22;
const LARGE_END: u32 = 0x0606_4b50;
const LARGE_END_BYTES: u64 = 56;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_BYTES: u64 = 20;
const LISTED: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: u64 = 30;

/// The extra field that holds what is too large for the others: the only one there may be. Another
/// can give a file a second name.
const LARGE: u16 = 1;
/// The version of the format a reader has to know at the most: 4.5, that of ZIP64. Of what asks for
/// more, each reader takes what it knows.
const VERSION_MAX: u16 = 45;
/// The flags there may be: how hard it was compressed, and that the name is UTF-8.
const FLAGS: u16 = 0b1000_0000_0110;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The bits of a mode that say what kind of file it is, and the kind that is plain.
const KIND_BITS: u32 = 0o170_000;
const PLAIN: u32 = 0o100_000;
const FOLDER_BIT: u32 = 0x10;

/// A file, as the directory and the header before it both have it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) crc: u32,
    pub(crate) size: u64,
    pub(crate) compressed: u64,
    /// Where its header begins.
    pub(crate) start: u64,
    /// Where its bytes begin.
    pub(crate) data: u64,
    flags: u16,
    method: u16,
}

/// Numbers from a header, one after the other.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Failure> {
        let short = || Failure::container("a header is cut off");
        self.0.split_off(..count).ok_or_else(short)
    }

    fn number<const N: usize>(&mut self) -> Result<u64, Failure> {
        let mut number = [0; 8];
        number[..N].copy_from_slice(self.bytes(N)?);
        Ok(u64::from_le_bytes(number))
    }

    fn u16(&mut self) -> Result<u16, Failure> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

fn unread(error: impl Display) -> Failure {
    Failure::container(format!("it cannot be read: {error}"))
}

fn holds(is_so: bool, what: &str) -> Result<(), Failure> {
    if is_so {
        Ok(())
    } else {
        Err(Failure::container(what))
    }
}

fn read_at<R: Read + Seek>(reader: &mut R, at: u64, count: u64) -> Result<Vec<u8>, Failure> {
    reader.seek(SeekFrom::Start(at)).map_err(unread)?;
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes).map_err(unread)?;
    holds(bytes.len() as u64 == count, "it is cut off")?;
    Ok(bytes)
}

/// The files, in the order they lie in.
pub(crate) fn layout<R: Read + Seek>(reader: &mut R) -> Result<Vec<Span>, Failure> {
    let directory = Directory::find(reader)?;
    let bytes = read_at(reader, directory.start, directory.bytes)?;
    let mut fields = Fields(&bytes);
    let (mut spans, mut next) = (Vec::new(), 0u64);
    for _ in 0..directory.files {
        let mut span = Span::listed(&mut fields)?;
        holds(
            span.start == next,
            "a file does not begin where the one before it ends",
        )?;
        span.data = span.check_header(reader)?;
        let end = span.data.checked_add(span.compressed);
        next = end.ok_or_else(|| Failure::container("a file has no end"))?;
        spans.push(span);
    }
    holds(
        fields.0.is_empty(),
        "its directory holds more than its files",
    )?;
    holds(
        next == directory.start,
        "its directory does not begin where its last file ends",
    )?;
    Ok(spans)
}

/// Where the directory lies, as the end record says it and as it is.
struct Directory {
    start: u64,
    bytes: u64,
    files: u64,
}

impl Directory {
    fn find<R: Read + Seek>(reader: &mut R) -> Result<Self, Failure> {
        let length = reader.seek(SeekFrom::End(0)).map_err(unread)?;
        let end = length.checked_sub(END_BYTES);
        let mut end = end.ok_or_else(|| Failure::container("it is too short"))?;
        let bytes = read_at(reader, end, END_BYTES)?;
        let mut fields = Fields(&bytes);
        let ends = fields.u32()? == END && fields.number::<4>()? == 0;
        let (here, files) = (fields.number::<2>()?, fields.number::<2>()?);
        let (bytes, start) = (fields.number::<4>()?, fields.number::<4>()?);
        // Nothing behind the end, no comment, one disk.
        let plain = ends && here == files && fields.u16()? == 0;
        holds(plain, "it does not end as a ZIP file does")?;
        let mut directory = Self {
            start,
            bytes,
            files,
        };
        let too_large = |value: u64, bytes: u32| value == (1 << (8 * bytes)) - 1;
        let large = too_large(files, 2) || too_large(bytes, 4) || too_large(start, 4);
        if let Some(at) = end.checked_sub(LOCATOR_BYTES) {
            let bytes = read_at(reader, at, LOCATOR_BYTES)?;
            let mut fields = Fields(&bytes);
            // Some readers go by the locator, and some by the fields that are too large.
            let located = fields.u32()? == LOCATOR;
            holds(located == large, "its end is not that of one ZIP file")?;
            if located {
                let (disk, large_end) = (fields.u32()?, fields.number::<8>()?);
                let follows = large_end.checked_add(LARGE_END_BYTES) == Some(at);
                let one = disk == 0 && fields.u32()? == 1;
                holds(follows && one, "its end is not that of one ZIP file")?;
                let found = Self::large(&read_at(reader, large_end, LARGE_END_BYTES)?)?;
                let agrees = (too_large(files, 2) || files == found.files)
                    && (too_large(directory.bytes, 4) || directory.bytes == found.bytes)
                    && (too_large(start, 4) || start == found.start);
                holds(agrees, "its two end records do not agree")?;
                (directory, end) = (found, large_end);
            }
        }
        // What the end says of the directory is where it is: readers look for it in either way.
        let stops = directory.start.checked_add(directory.bytes);
        holds(
            stops == Some(end),
            "its directory does not stop where its end begins",
        )?;
        if directory.bytes > DIRECTORY_BYTES_MAX || directory.files > FILES_MAX as u64 {
            return Err(Failure::new(Kind::TooLarge, "it has too many files"));
        }
        Ok(directory)
    }

    fn large(bytes: &[u8]) -> Result<Self, Failure> {
        let mut fields = Fields(bytes);
        let begins = fields.u32()? == LARGE_END && fields.number::<8>()? == LARGE_END_BYTES - 12;
        fields.bytes(4)?;
        let disks = fields.number::<8>()?;
        let (here, files) = (fields.number::<8>()?, fields.number::<8>()?);
        holds(
            begins && disks == 0 && here == files,
            "its end is not that of one ZIP file",
        )?;
        let (bytes, start) = (fields.number::<8>()?, fields.number::<8>()?);
        Ok(Self {
            start,
            bytes,
            files,
        })
    }
}

impl Span {
    /// Whether its bytes are compressed.
    pub(crate) fn is_deflated(&self) -> bool {
        self.method == DEFLATED
    }

    /// The next file of the directory.
    fn listed(fields: &mut Fields) -> Result<Self, Failure> {
        let listed = fields.u32()? == LISTED;
        fields.bytes(2)?;
        let readable = fields.u16()? <= VERSION_MAX;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.bytes(4)?;
        let crc = fields.u32()?;
        let (compressed, size) = (fields.number::<4>()?, fields.number::<4>()?);
        let (name, extra) = (fields.u16()?, fields.u16()?);
        let (comment, disk) = (fields.u16()?, fields.u16()?);
        fields.bytes(2)?;
        let (attributes, start) = (fields.u32()?, fields.number::<4>()?);
        holds(
            listed && readable && comment == 0 && disk == 0,
            "its directory is not written as one",
        )?;
        let name = String::from_utf8_lossy(fields.bytes(name.into())?).into_owned();
        let kind = (attributes >> 16) & KIND_BITS;
        let plain = (kind == 0 || kind == PLAIN) && attributes & FOLDER_BIT == 0;
        let known = matches!(method, STORED | DEFLATED) && flags & !FLAGS == 0;
        if !plain || !known || !is_name(&name) {
            return Err(Failure::container(format!("the file {name:?}")));
        }
        let mut span = Self {
            name,
            crc,
            size,
            compressed,
            start,
            data: 0,
            flags,
            method,
        };
        let extra = fields.bytes(extra.into())?;
        span.enlarge(extra, true)?;
        if method == STORED && span.size != span.compressed {
            return Err(Failure::container(format!("the file {:?}", span.name)));
        }
        Ok(span)
    }

    /// Takes what is too large for the other fields from the one extra field.
    fn enlarge(&mut self, extra: &[u8], has_start: bool) -> Result<(), Failure> {
        let mut asked = vec![&mut self.size, &mut self.compressed];
        if has_start {
            asked.push(&mut self.start);
        }
        asked.retain(|value| **value == u64::from(u32::MAX));
        if asked.is_empty() && extra.is_empty() {
            return Ok(());
        }
        let mut fields = Fields(extra);
        let one = fields.u16()? == LARGE && usize::from(fields.u16()?) == 8 * asked.len();
        holds(one && !asked.is_empty(), "a file has an extra field")?;
        for value in asked {
            *value = fields.number::<8>()?;
        }
        holds(fields.0.is_empty(), "a file has an extra field")
    }

    /// Holds the header before the file against the directory, and says where its bytes begin.
    fn check_header<R: Read + Seek>(&self, reader: &mut R) -> Result<u64, Failure> {
        let bytes = read_at(reader, self.start, LOCAL_BYTES)?;
        let mut fields = Fields(&bytes);
        let local = fields.u32()? == LOCAL && fields.u16()? <= VERSION_MAX;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.bytes(4)?;
        let crc = fields.u32()?;
        let (compressed, size) = (fields.number::<4>()?, fields.number::<4>()?);
        let (name, extra) = (fields.u16()?, fields.u16()?);
        let other = || Failure::container(format!("the header of {}", self.name));
        if !local || usize::from(name) != self.name.len() {
            return Err(other());
        }
        let rest = u64::from(name) + u64::from(extra);
        let bytes = read_at(reader, self.start + LOCAL_BYTES, rest)?;
        let (found, extra) = bytes.split_at(name.into());
        let mut header = Self {
            name: String::from_utf8_lossy(found).into_owned(),
            crc,
            size,
            compressed,
            start: self.start,
            data: self.data,
            flags,
            method,
        };
        header.enlarge(extra, false)?;
        if header != *self {
            return Err(other());
        }
        Ok(self.start + LOCAL_BYTES + rest)
    }
}

#[cfg(test)]
mod tests;
