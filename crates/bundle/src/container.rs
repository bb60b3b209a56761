//! The ZIP file around a bundle, read as strictly as it is written.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use sha2::{Digest, Sha256};
use zip::read::{ArchiveOffset, Config, ZipArchive, ZipFile};

use dutyledger_record::hex;

use crate::failure::{Failure, Kind};
use crate::layout::{Span, layout};
use crate::manifest::Listed;

pub(crate) struct Container<R> {
    archive: ZipArchive<R>,
    names: BTreeSet<String>,
}

impl<R: Read + Seek> Container<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, Failure> {
        let spans = layout(&mut reader)?;
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let mut archive = ZipArchive::with_config(config, reader).map_err(Failure::container)?;
        let mut names = BTreeSet::new();
        for (index, span) in spans.into_iter().enumerate() {
            if names.contains(&span.name) {
                return Err(Failure::container("it has a file twice"));
            }
            check_found(&mut archive, index, &span)?;
            names.insert(span.name);
        }
        if archive.len() != names.len() {
            return Err(Failure::container("it can be read in two ways"));
        }
        Ok(Self { archive, names })
    }

    pub(crate) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Reads a whole file that is no longer than it may be.
    pub(crate) fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let file = self.file(name)?;
        let size = file.size();
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Failure::container(format!("{name}: {e}")))?;
        if bytes.len() as u64 > most {
            return Err(Failure::new(Kind::TooLarge, name));
        }
        check_size(name, bytes.len() as u64, size)?;
        Ok(bytes)
    }

    /// The bytes of a file as they come.
    pub(crate) fn stream(&mut self, name: &str) -> Result<impl Read, Failure> {
        self.file(name)
    }

    fn file(&mut self, name: &str) -> Result<ZipFile<'_, R>, Failure> {
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
        let file = self.file(path)?;
        let size = file.size();
        let mut file = file.take(bytes.saturating_add(1));
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
        if found <= *bytes {
            check_size(path, found, size)?;
        }
        if found != *bytes || hex(&hasher.finalize()) != *sha256 {
            return Err(Failure::new(Kind::Digest, path));
        }
        Ok(())
    }
}

/// Some readers unpack no more than the header says, others all there is.
fn check_size(name: &str, found: u64, size: u64) -> Result<(), Failure> {
    if found == size {
        Ok(())
    } else {
        Err(Failure::container(format!("{name}: it has another size")))
    }
}

/// What unpacks a file takes it from where it lies, and takes no other.
fn check_found<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    span: &Span,
) -> Result<(), Failure> {
    let file = archive.by_index_raw(index).map_err(Failure::container)?;
    let same = file.name().is_ok_and(|name| name == span.name)
        && file.header_start() == span.start
        && file.data_start() == Some(span.data)
        && file.compressed_size() == span.compressed
        && file.size() == span.size
        && file.crc32() == span.crc;
    if same {
        Ok(())
    } else {
        Err(Failure::container("it can be read in two ways"))
    }
}
