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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    use super::super::{DataError, Options, load};

    const SCHEMA: &str = "message events {
        REQUIRED INT64 timestamp (TIMESTAMP_MICROS);
        REQUIRED BYTE_ARRAY session_id (UTF8);
        REQUIRED BYTE_ARRAY item_id;
        OPTIONAL DOUBLE price;
    }";

    /// Three rows; the second has no price, the third a price of NaN.
    fn write(path: &Path) {
        let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
        let file = std::fs::File::create(path).expect("creates");
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(file, schema, properties).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let texts = |texts: [&str; 3]| texts.map(ByteArray::from).to_vec();
        let mut column = group.next_column().expect("a column").expect("one is left");
        let times: Vec<i64> = (0..3).map(|row| (1_590_969_600 + row) * 1_000_000).collect();
        column.typed::<Int64Type>().write_batch(&times, None, None).expect("writes");
        column.close().expect("closes");
        for values in [texts(["s", "s", "t"]), texts(["a", "b", "c"])] {
            let mut column = group.next_column().expect("a column").expect("one is left");
            column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("writes");
            column.close().expect("closes");
        }
        let mut column = group.next_column().expect("a column").expect("one is left");
        column.typed::<DoubleType>().write_batch(&[3.49, f64::NAN], Some(&[1, 0, 1]), None).expect("writes");
        column.close().expect("closes");
        group.close().expect("closes");
        writer.close().expect("closes");
    }

    #[test]
    fn rows_of_a_parquet_file_are_events() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("events.parquet");
        write(&path);
        let data = load(&Options::of(vec![path])).expect("reads");
        let events: Vec<_> = data.events().iter().map(|head| data.event(head)).collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].lines[0].price.map(|price| price.minor), Some(349));
        assert_eq!(events[1].lines[0].price, None);
        assert_eq!(events[1].at.0, 1_590_969_601_000);
        assert_eq!(events[1].lines[0].item.as_str(), "b");
        assert_eq!(data.rejections.first[0].line, 3);
        assert_eq!(data.rejections.by_reason["bad price"], 1);
    }

    #[test]
    fn a_damaged_parquet_file_is_an_error() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("events.parquet");
        std::fs::write(&path, b"PAR1 and nothing else").expect("writes");
        assert!(matches!(load(&Options::of(vec![path])), Err(DataError::Parquet { .. })));
    }
}
