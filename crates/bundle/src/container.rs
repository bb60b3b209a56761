//! The ZIP file around a bundle, read as strictly as it is written.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};
use zip::read::{ArchiveOffset, Config, ZipArchive};

use dutyledger_record::hex;

use crate::failure::{Failure, Kind};
use crate::layout::{Span, layout};
use crate::manifest::Listed;

pub(crate) struct Container<R> {
    reader: R,
    spans: BTreeMap<String, Span>,
}

impl<R: Read + Seek> Container<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, Failure> {
        let found = layout(&mut reader)?;
        let config = Config {
            archive_offset: ArchiveOffset::Known(0),
        };
        let mut archive = ZipArchive::with_config(config, reader).map_err(Failure::container)?;
        let mut spans = BTreeMap::new();
        for (index, span) in found.into_iter().enumerate() {
            check_found(&mut archive, index, &span)?;
            if spans.insert(span.name.clone(), span).is_some() {
                return Err(Failure::container("it has a file twice"));
            }
        }
        if archive.len() != spans.len() {
            return Err(Failure::container("it can be read in two ways"));
        }
        let reader = archive.into_inner();
        Ok(Self { reader, spans })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.spans.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.spans.contains_key(name)
    }

    /// Reads a whole file that is no longer than it may be.
    pub(crate) fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.stream(name)?
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Failure::container(format!("{name}: {e}")))?;
        if bytes.len() as u64 > most {
            return Err(Failure::new(Kind::TooLarge, name));
        }
        Ok(bytes)
    }

    /// The bytes of a file as they come.
    pub(crate) fn stream(&mut self, name: &str) -> Result<Unpacked<'_, R>, Failure> {
        let missing = || Failure::container(format!("{name} is missing"));
        let span = self.spans.get(name).ok_or_else(missing)?;
        Unpacked::new(&mut self.reader, span)
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

/// A file as it is unpacked. Where it ends, it has the size and the checksum its header says, and all
/// of its bytes were needed for that: some readers unpack no more than the header says, and behind
/// what is unpacked something could be hidden.
pub(crate) struct Unpacked<'c, R> {
    packed: BufReader<Take<&'c mut R>>,
    deflated: Option<Decompress>,
    ended: bool,
    found: u64,
    crc: Crc,
    span: &'c Span,
}

impl<'c, R: Read + Seek> Unpacked<'c, R> {
    fn new(reader: &'c mut R, span: &'c Span) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(span.data))?;
        Ok(Self {
            packed: BufReader::new(reader.take(span.compressed)),
            deflated: span.is_deflated().then(|| Decompress::new(false)),
            ended: false,
            found: 0,
            crc: Crc::new(),
            span,
        })
    }

    /// The next bytes; none where it has ended.
    fn unpack(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(deflated) = &mut self.deflated else {
            return self.packed.read(buffer);
        };
        while !self.ended {
            let packed = self.packed.fill_buf()?;
            let (was_in, was_out) = (deflated.total_in(), deflated.total_out());
            let status = deflated.decompress(packed, buffer, FlushDecompress::None)?;
            let count = |now, was| usize::try_from(now - was).map_err(io::Error::other);
            let taken = count(deflated.total_in(), was_in)?;
            let given = count(deflated.total_out(), was_out)?;
            self.ended = status == Status::StreamEnd;
            if !self.ended && taken == 0 && given == 0 {
                return Err(io::Error::other("it is cut off"));
            }
            self.packed.consume(taken);
            if given > 0 {
                return Ok(given);
            }
        }
        Ok(0)
    }

    fn check(&mut self) -> io::Result<()> {
        if !self.packed.fill_buf()?.is_empty() {
            return Err(io::Error::other(
                "something stands behind what it is unpacked from",
            ));
        }
        if (self.found, self.crc.sum()) == (self.span.size, self.span.crc) {
            Ok(())
        } else {
            Err(io::Error::other("it has another size or checksum"))
        }
    }
}

impl<R: Read + Seek> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.unpack(buffer)?;
        self.crc.update(&buffer[..count]);
        self.found += count as u64;
        if count == 0 {
            self.check()?;
        }
        Ok(count)
    }
}

/// Another reader of such files finds the same ones, each in the same place.
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
