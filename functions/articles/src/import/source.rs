//! The records of one file, fetched part by part.

use domain::migration::Fault;
use domain::migration::csv::{Next, Reader, Record};
use domain::migration::store::{FileVersion, SourceFiles};
use domain::store::StoreError;

/// So much of a file is fetched at once.
const PART_BYTES: u64 = 1024 * 1024;

pub(super) struct Source<'a, F> {
    files: &'a F,
    file: &'a str,
    version: FileVersion,
    reader: Reader,
}

impl<'a, F: SourceFiles> Source<'a, F> {
    /// The records of this version from a place on, as [`Source::place`] told it.
    pub(super) fn new(files: &'a F, file: &'a str, version: FileVersion, place: (u64, u64)) -> Self {
        Self { files, file, version, reader: Reader::from(place.0, place.1) }
    }

    /// Where the next record begins: byte and line.
    pub(super) fn place(&self) -> (u64, u64) {
        self.reader.place()
    }

    /// The next record, or what is wrong with it; none after the last one.
    ///
    /// # Errors
    /// [`StoreError`], where the bucket gave no answer or the file is another one now.
    pub(super) async fn next(&mut self) -> Result<Option<Result<Record, Fault>>, StoreError> {
        loop {
            match self.reader.read() {
                Next::Record(record) => return Ok(Some(Ok(record))),
                Next::Fault(fault) => return Ok(Some(Err(fault))),
                Next::More if self.reader.has_ended() => return Ok(None),
                Next::More => self.fetch().await?,
            }
        }
    }

    async fn fetch(&mut self) -> Result<(), StoreError> {
        let from = self.reader.fed_to();
        if from >= self.version.size {
            self.reader.end();
            return Ok(());
        }
        let length = PART_BYTES.min(self.version.size - from);
        let bytes = self.files.part(self.file, &self.version, from, length).await?;
        if bytes.is_empty() {
            return Err(StoreError { table: "source files", reason: "a part of a file came back empty".to_owned() });
        }
        self.reader.feed(&bytes);
        Ok(())
    }
}
