//! The ZIP file around a bundle, read as strictly as it is written.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use sha2::{Digest, Sha256};
use zip::CompressionMethod;
use zip::read::{ArchiveOffset, Config, ZipArchive};

use dutyledger_record::hex;

use crate::failure::{Failure, Kind};
use crate::manifest::{FILES_MAX, Listed, is_name};

/// The most bytes read to learn which files there are.
const DIRECTORY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The bytes of the record at the end of a ZIP file, which has no comment here.
const END_BYTES: usize = 22;
const END_SIGNATURE: &[u8] = b"PK\x05\x06\0\0\0\0";

/// A reader that stops when it has read more than it may. What a directory takes in memory is in
/// proportion to its bytes, so that is what bounds it.
struct Sparing<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Sparing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("its directory is longer than any may be"));
        }
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Sparing<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

pub(crate) struct Container<R> {
    archive: ZipArchive<Sparing<R>>,
    names: BTreeSet<String>,
}

impl<R: Read + Seek> Container<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, Failure> {
        let io = |e: io::Error| Failure::container(format!("it cannot be read: {e}"));
        let length = reader.seek(SeekFrom::End(0)).map_err(io)?;
        let end_at = length.checked_sub(END_BYTES as u64);
        let end_at = end_at.ok_or_else(|| Failure::container("it is too short"))?;
        reader.seek(SeekFrom::Start(end_at)).map_err(io)?;
        let mut end = [0; END_BYTES];
        reader.read_exact(&mut end).map_err(io)?;
        // Nothing behind the end, no comment, one disk: what other readers might take for the end
        // of another file within this one is not there.
        if !end.starts_with(END_SIGNATURE) || !end.ends_with(&[0, 0]) {
            return Err(Failure::container("it does not end as a ZIP file does"));
        }
        reader.rewind().map_err(io)?;
        let left = Rc::new(Cell::new(DIRECTORY_BYTES_MAX));
        let sparing = Sparing {
            inner: reader,
            left: Rc::clone(&left),
        };
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let mut archive = ZipArchive::with_config(config, sparing).map_err(Failure::container)?;
        if archive.len() > FILES_MAX {
            return Err(Failure::new(Kind::TooLarge, "it has too many files"));
        }
        let counted = u16::from_le_bytes([end[10], end[11]]);
        if counted != u16::MAX && usize::from(counted) != archive.len() {
            return Err(Failure::container("it has a file twice"));
        }
        left.set(u64::MAX);
        if archive.has_duplicate_names() {
            return Err(Failure::container("it has a file twice"));
        }
        if archive
            .has_overlapping_files()
            .map_err(Failure::container)?
        {
            return Err(Failure::container("its files overlap"));
        }
        // What the directory says of a file is what stands before it, so that no two readers differ.
        archive
            .validate_header_consistency()
            .map_err(Failure::container)?;
        let mut names = BTreeSet::new();
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(Failure::container)?;
            let name = file.name().map_err(Failure::container)?.into_owned();
            let plain = file.is_file() && !file.encrypted() && is_name(&name);
            let known = matches!(
                file.compression(),
                CompressionMethod::Stored | CompressionMethod::Deflated
            );
            if !plain || !known {
                return Err(Failure::container(format!("the file {name:?}")));
            }
            drop(file);
            if !names.insert(name) {
                return Err(Failure::container("it has a file twice"));
            }
        }
        Ok(Self { archive, names })
    }

    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Reads a whole file that is no longer than it may be.
    pub(crate) fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let mut file = self.stream(name)?.take(most + 1);
        file.read_to_end(&mut bytes)
            .map_err(|e| Failure::container(format!("{name}: {e}")))?;
        if bytes.len() as u64 > most {
            return Err(Failure::new(Kind::TooLarge, name));
        }
        Ok(bytes)
    }

    /// The bytes of a file as they come.
    pub(crate) fn stream(&mut self, name: &str) -> Result<impl Read, Failure> {
        if !self.names.contains(name) {
            return Err(Failure::container(format!("{name} is missing")));
        }
        self.archive
            .by_name(name)
            .map_err(|e| Failure::container(format!("{name}: {e}")))
    }

    /// Holds a file against what the manifest lists. No more of it is read than it should have.
    pub(crate) fn check(&mut self, listed: &Listed) -> Result<(), Failure> {
        let Listed {
            bytes,
            path,
            sha256,
        } = listed;
        let mut file = self.stream(path)?.take(bytes.saturating_add(1));
        let (mut hasher, mut buffer, mut found) = (Sha256::new(), [0; 16 * 1024], 0u64);
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(|e| Failure::container(format!("{path}: {e}")))?;
            if read == 0 {
                break;
            }
            found += read as u64;
            hasher.update(&buffer[..read]);
        }
        if found != *bytes || hex(&hasher.finalize()) != *sha256 {
            return Err(Failure::new(Kind::Digest, path));
        }
        Ok(())
    }
}
