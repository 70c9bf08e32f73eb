//! Writes a recording flow by flow: at any time, the file is one that opens.

use super::flow_file::item;
use super::har::{entry_text, head, tail};
use super::recorded::recorded;
use crate::flow::FlowId;
use crate::journal::{Entry, Event};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The format of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Har,
    FlowFile,
}

impl Format {
    /// Returns the format that a file's name says: `.har`, or else mitmproxy's.
    pub(crate) fn of(path: &Path) -> Self {
        match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("har")) {
            true => Self::Har,
            false => Self::FlowFile,
        }
    }
}

/// A file that flows are appended to.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: File,
    format: Format,
    started: SystemTime,
    /// The entries of flows that are under way.
    open: BTreeMap<FlowId, Vec<Entry>>,
    /// Of a HAR: each entry's flow, place and length in the file. The tail is behind the last.
    written: Vec<(FlowId, u64, u64)>,
    end: u64,
    /// How many flows have ended: the order of delivery.
    ends: usize,
}

impl Writer {
    /// Creates the file. `started` is when the journal began.
    pub(crate) fn create(path: &Path, started: SystemTime) -> io::Result<Self> {
        // The working directory may be another when the file is finished.
        let path = std::path::absolute(path)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another recording is writing it")),
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) if file.metadata()?.is_file() => file.set_len(0)?,
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let format = Format::of(&path);
        let mut end = 0;
        if format == Format::Har {
            let head = head();
            file.write_all(format!("{head}{}", tail()).as_bytes())?;
            end = head.len() as u64;
        }
        let (open, written) = (BTreeMap::new(), Vec::new());
        Ok(Self { path, file, format, started, open, written, end, ends: 0 })
    }

    /// Takes entries of the journal, and writes the flows that have ended with them. Sockets end when they are closed.
    pub(crate) fn take(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        for entry in entries {
            let Some(id) = entry.event.flow().map(FlowId::whole) else { continue };
            let is_end = match &entry.event {
                Event::Ended { flow, outcome } if *flow == id => !(self.is_socket(id) && outcome.is_delivered()),
                Event::Closed { .. } => true,
                _ => false,
            };
            if matches!(entry.event, Event::Began { .. }) || self.open.contains_key(&id) {
                self.open.entry(id).or_default().push(entry);
            }
            if is_end {
                self.write(id)?;
            }
        }
        Ok(())
    }

    fn is_socket(&self, id: FlowId) -> bool {
        let is_switch = |entry: &Entry| matches!(&entry.event, Event::Answered { response, .. } if response.status().as_u16() == 101);
        self.open.get(&id).is_some_and(|entries| entries.iter().any(is_switch))
    }

    fn write(&mut self, id: FlowId) -> io::Result<()> {
        let Some(entries) = self.open.remove(&id) else { return Ok(()) };
        self.ends += 1;
        for mut flow in recorded(&entries) {
            flow.delivered = flow.outcome.as_ref().map(|_| self.ends);
            match self.format {
                Format::FlowFile => {
                    let item = item(&flow, self.started);
                    self.append(&item, "")?;
                    self.end += item.len() as u64;
                }
                Format::Har => {
                    let text = entry_text(&flow, self.started);
                    let comma = if self.written.is_empty() { "" } else { ",\n" };
                    self.append(format!("{comma}{text}").as_bytes(), tail())?;
                    self.written.push((id, self.end + comma.len() as u64, text.len() as u64));
                    self.end += (comma.len() + text.len()) as u64;
                }
            }
        }
        Ok(())
    }

    /// Writes at the end, over the tail. If that fails, as on a full disk, the file is as it was before.
    fn append(&mut self, bytes: &[u8], tail: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        // One write, so that whoever reads meanwhile sees a whole file.
        self.file.write_all(&[bytes, tail.as_bytes()].concat()).inspect_err(|_| {
            // The first error is the one that a person needs.
            let _ = self.restore(tail);
        })
    }

    fn restore(&self, tail: &str) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(tail.as_bytes())
    }

    /// Writes what is under way, and puts the entries of a HAR into the order of their requests.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let left: Vec<_> = self.open.keys().copied().collect();
        left.into_iter().try_for_each(|id| self.write(id))?;
        self.file.flush()?;
        let is_removed = std::fs::metadata(&self.path)
            .is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory));
        match self.format {
            Format::Har if is_removed || !self.written.is_sorted() => self.replace(Self::sorted),
            Format::FlowFile if is_removed => self.replace(|this, file| {
                this.file.rewind()?;
                io::copy(&mut this.file, file).map(drop)
            }),
            _ => Ok(()),
        }
    }

    /// Writes another file in the place of this one.
    fn replace(&mut self, write: impl FnOnce(&mut Self, &mut File) -> io::Result<()>) -> io::Result<()> {
        let permissions = self.file.metadata()?.permissions();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // It may have been removed, too.
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".holdup-").permissions(permissions).tempfile_in(folder)?;
        write(self, file.as_file_mut())?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    fn sorted(&mut self, sorted: &mut File) -> io::Result<()> {
        self.written.sort_unstable();
        sorted.write_all(head().as_bytes())?;
        for (nth, (_, at, length)) in self.written.iter().enumerate() {
            self.file.seek(SeekFrom::Start(*at))?;
            if nth > 0 {
                sorted.write_all(b",\n")?;
            }
            io::copy(&mut (&self.file).take(*length), sorted)?;
        }
        sorted.write_all(tail().as_bytes())
    }
}
