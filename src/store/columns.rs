//! Many rows as PostgreSQL takes them: the bytes of a binary COPY, or one array for each column.
//!
//! It knows nothing of tables: a column's type is that of its first cell.

use super::database::{Cell, StoreError};
use crate::record::personal::unprinted;

/// The values of one column, row by row.
#[derive(PartialEq, Eq)]
pub enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
    Flags(Vec<bool>),
}

impl Column {
    /// One that says the same in every row, as that value alone.
    pub fn alike(&self) -> Option<Cell> {
        match self {
            Column::Ints(values) => the_same(values).map(|value| Cell::OptInt(*value)),
            Column::Texts(values) => the_same(values).map(|value| Cell::OptText(value.clone())),
            Column::Blobs(values) => the_same(values).map(|value| Cell::OptBytes(value.clone())),
            Column::Flags(values) => the_same(values).map(|value| Cell::Flag(*value)),
        }
    }
}

fn the_same<T: PartialEq>(values: &[T]) -> Option<&T> {
    let first = values.first()?;
    values.iter().all(|value| value == first).then_some(first)
}

/// Rows of so many cells, column by column.
pub fn columns(rows: Vec<Cell>, width: usize) -> Result<Vec<Column>, StoreError> {
    let many = rows.len() / width;
    let mut columns: Vec<Column> = rows.iter().take(width).map(|cell| empty(cell, many)).collect();
    for (place, cell) in rows.into_iter().enumerate() {
        match (&mut columns[place % width], cell) {
            (Column::Ints(values), Cell::Int(value)) => values.push(Some(value)),
            (Column::Ints(values), Cell::OptInt(value)) => values.push(value),
            (Column::Texts(values), Cell::Text(value)) => values.push(Some(value)),
            (Column::Texts(values), Cell::Word(value)) => values.push(Some(value.to_owned())),
            (Column::Texts(values), Cell::OptText(value)) => values.push(value),
            (Column::Blobs(values), Cell::Bytes(value)) => values.push(Some(value)),
            (Column::Blobs(values), Cell::OptBytes(value)) => values.push(value),
            (Column::Flags(values), Cell::Flag(value)) => values.push(value),
            _ => {
                let number = place % width + 1;
                return Err(StoreError::Refused(format!("column {number} has two types")));
            }
        }
    }
    Ok(columns)
}

fn empty(first: &Cell, many: usize) -> Column {
    match first {
        Cell::Int(_) | Cell::OptInt(_) => Column::Ints(Vec::with_capacity(many)),
        Cell::Text(_) | Cell::Word(_) | Cell::OptText(_) => Column::Texts(Vec::with_capacity(many)),
        Cell::Bytes(_) | Cell::OptBytes(_) => Column::Blobs(Vec::with_capacity(many)),
        Cell::Flag(_) => Column::Flags(Vec::with_capacity(many)),
    }
}

/// Rows as `COPY … FROM STDIN (FORMAT binary)` reads them: a signature, then for each row the number
/// of its values and each value behind its length, all big-endian.
pub fn copy_bytes(rows: &[Cell], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + rows.iter().map(|cell| 6 + size(cell)).sum::<usize>());
    out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    for row in rows.chunks_exact(width) {
        out.extend_from_slice(&(width as i16).to_be_bytes());
        for cell in row {
            write(&mut out, cell);
        }
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

fn size(cell: &Cell) -> usize {
    match cell {
        Cell::Text(value) | Cell::OptText(Some(value)) => value.len(),
        Cell::Bytes(value) | Cell::OptBytes(Some(value)) => value.len(),
        Cell::Word(value) => value.len(),
        _ => 8,
    }
}

fn write(out: &mut Vec<u8>, cell: &Cell) {
    let mut put = |bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match cell {
        Cell::Int(value) | Cell::OptInt(Some(value)) => put(&value.to_be_bytes()),
        Cell::Text(value) | Cell::OptText(Some(value)) => put(value.as_bytes()),
        Cell::Word(value) => put(value.as_bytes()),
        Cell::Bytes(value) | Cell::OptBytes(Some(value)) => put(value),
        Cell::Flag(value) => put(&[u8::from(*value)]),
        Cell::OptInt(None) | Cell::OptText(None) | Cell::OptBytes(None) => {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
        }
    }
}

unprinted!(Column);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::cells;

    fn rows() -> Vec<Cell> {
        let nothing: Option<String> = None;
        let mut rows = cells![7_i64, Some("Testberry".to_owned()), Some(vec![1_u8]), true];
        rows.extend(cells![Some(8_i64), nothing, vec![2_u8, 3], false]);
        rows
    }

    #[test]
    fn rows_are_turned_into_columns() {
        let found = columns(rows(), 4).unwrap();
        assert_eq!(
            found,
            [
                Column::Ints(vec![Some(7), Some(8)]),
                Column::Texts(vec![Some("Testberry".to_owned()), None]),
                Column::Blobs(vec![Some(vec![1]), Some(vec![2, 3])]),
                Column::Flags(vec![true, false]),
            ]
        );
        assert!(columns(rows(), 2).is_err());
    }

    #[test]
    fn what_is_the_same_in_every_row_is_one_value() {
        let nothing: Option<i64> = None;
        let rows = [
            cells![7_i64, "sent".to_owned(), nothing, true],
            cells![8_i64, "sent".to_owned(), nothing, false],
        ];
        let found = columns(rows.into_iter().flatten().collect(), 4).unwrap();
        let alike: Vec<Option<Cell>> = found.iter().map(Column::alike).collect();
        let sent = Cell::OptText(Some("sent".to_owned()));
        assert_eq!(alike, [None, Some(sent), Some(Cell::OptInt(None)), None]);
    }

    #[test]
    fn a_copy_is_written_as_postgresql_reads_it() {
        let bytes = copy_bytes(&rows(), 4);
        let first =
            b"\0\x04\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x09Testberry\0\0\0\x01\x01\0\0\0\x01\x01";
        assert_eq!(&bytes[19..19 + first.len()], first);
        let second = b"\0\x04\0\0\0\x08\0\0\0\0\0\0\0\x08\xff\xff\xff\xff\0\0\0\x02\x02\x03\0\0\0\x01\0\xff\xff";
        assert_eq!(&bytes[19 + first.len()..], second);
    }
}
