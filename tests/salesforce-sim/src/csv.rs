//! Comma-separated values, as the bulk APIs read and write them.

use serde_json::Value;

use crate::state::objects::{Fields, text};

/// Fills a field with nothing, where an empty cell leaves it as it is.
const NOTHING: &str = "#N/A";

/// The rows of a table whose first line has the names; `None` if a line has more or fewer cells, or a quote is not closed.
pub(crate) fn rows(table: &str, delimiter: char) -> Option<Vec<Fields>> {
    let mut lines = lines(table, delimiter)?.into_iter();
    let names = lines.next()?;
    let row = |cells: Vec<String>| {
        let cells = (cells.len() == names.len()).then_some(cells)?;
        let filled = names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let value = |cell: String| if cell == NOTHING { Value::Null } else { Value::from(cell) };
        Some(filled.map(|(name, cell)| (name.clone(), value(cell))).collect())
    };
    lines.map(row).collect()
}

/// The names in the first line.
pub(crate) fn columns(table: &str, delimiter: char) -> Vec<String> {
    let first = table.split_inclusive('\n').next().unwrap_or_default();
    lines(first, delimiter).and_then(|lines| lines.into_iter().next()).unwrap_or_default()
}

/// The cells of each line: quotes may hold delimiters, line ends and doubled quotes.
fn lines(table: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    let table = table.strip_prefix('\u{feff}').unwrap_or(table);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut letters = table.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            other if other == delimiter && !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            other => cell.push(other),
        }
    }
    if !line.is_empty() || !cell.is_empty() {
        line.push(cell);
        lines.push(line);
    }
    (!quoted).then_some(lines)
}

/// A line of a table, every cell in quotes.
pub(crate) fn line<T: AsRef<str>>(cells: impl IntoIterator<Item = T>, delimiter: char) -> String {
    let cells: Vec<String> =
        cells.into_iter().map(|cell| format!("\"{}\"", cell.as_ref().replace('"', "\"\""))).collect();
    cells.join(&delimiter.to_string()) + "\n"
}

/// A table with a column for each name.
pub(crate) fn table(names: &[String], rows: &[Value], delimiter: char) -> String {
    let cell = |row: &Value, name: &str| {
        let mut fields = row.as_object().into_iter().flatten();
        let field = fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        field.filter(|value| !value.is_null()).map(text).unwrap_or_default()
    };
    let row = |row: &Value| line(names.iter().map(|name| cell(row, name)), delimiter);
    line(names, delimiter) + &rows.iter().map(row).collect::<String>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let names = ["Name".to_owned(), "Phone".to_owned()];
        let rows_written = [json!({"Name": "A \"B\",\nC", "Phone": "1"}), json!({"Name": "D", "Phone": null})];
        let table = table(&names, &rows_written, '|');
        assert_eq!(table, "\"Name\"|\"Phone\"\n\"A \"\"B\"\",\nC\"|\"1\"\n\"D\"|\"\"\n");
        let read = rows(&table, '|').unwrap();
        assert_eq!(Value::Object(read[0].clone()), rows_written[0]);
        assert_eq!(Value::Object(read[1].clone()), json!({"Name": "D"}));
        assert_eq!(rows("Name\r\n#N/A\r\n", ',').unwrap()[0]["Name"], Value::Null);
    }

    #[test]
    fn a_table_that_is_cut_short_is_none() {
        assert!(rows("Name\n\"Ac", ',').is_none());
        assert!(rows("Name,Phone\nAcme\n", ',').is_none());
        assert!(rows("", ',').is_none());
    }
}
