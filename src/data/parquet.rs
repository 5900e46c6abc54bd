//! Parquet, row by row. Nested columns are read where they are lists of texts; others are passed over.

use std::borrow::Cow;
use std::fs::File;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row as Record};

use super::columns::{Column, Layout};
use super::row::Fields;

/// A Parquet file.
pub struct Table {
    reader: SerializedFileReader<File>,
}

impl Table {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// What the Parquet reader says.
    pub fn open(file: File) -> Result<Self, ParquetError> {
        SerializedFileReader::new(file).map(|reader| Self { reader })
    }

    /// The names of its columns.
    pub fn header(&self) -> Vec<String> {
        let schema = self.reader.metadata().file_metadata().schema();
        schema.get_fields().iter().map(|field| field.name().to_owned()).collect()
    }

    /// Its rows, in order.
    ///
    /// # Errors
    /// What the Parquet reader says.
    pub fn rows(&self) -> Result<RowIter<'_>, ParquetError> {
        self.reader.get_row_iter(None)
    }
}

/// A row under the columns' layout.
pub struct Row<'a> {
    fields: Vec<&'a Field>,
    layout: &'a Layout,
}

impl<'a> Row<'a> {
    /// The row that a record holds.
    pub fn new(record: &'a Record, layout: &'a Layout) -> Self {
        Self { fields: record.get_column_iter().map(|(_, field)| field).collect(), layout }
    }

    fn field(&self, column: Column) -> Option<&'a Field> {
        self.fields.get(self.layout.place(column)?).copied()
    }
}

impl Fields for Row<'_> {
    fn text(&self, column: Column) -> Option<Cow<'_, str>> {
        text(self.field(column)?)
    }

    fn texts(&self, column: Column) -> Vec<String> {
        match self.field(column) {
            Some(Field::ListInternal(list)) => list.elements().iter().filter_map(text).map(Cow::into_owned).collect(),
            _ => self.text(column).into_iter().map(Cow::into_owned).collect(),
        }
    }
}

/// Instants are given as milliseconds, which the scalar reader takes; everything else as it prints.
fn text(field: &Field) -> Option<Cow<'_, str>> {
    const DAY_MS: i64 = sidecart_engine::nouns::DAY_MS;
    let text = match field {
        Field::Null | Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => return None,
        Field::Str(text) => Cow::Borrowed(text.trim()),
        Field::Bytes(bytes) => Cow::Borrowed(std::str::from_utf8(bytes.data()).ok()?.trim()),
        Field::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Field::TimestampMillis(ms) => Cow::Owned(ms.to_string()),
        Field::TimestampMicros(us) => Cow::Owned(us.div_euclid(1_000).to_string()),
        Field::Date(days) => Cow::Owned((i64::from(*days) * DAY_MS).to_string()),
        Field::Double(value) => Cow::Owned(value.to_string()),
        Field::Float(value) => Cow::Owned(value.to_string()),
        number => Cow::Owned(number.to_string()),
    };
    (!text.is_empty()).then_some(text)
}
