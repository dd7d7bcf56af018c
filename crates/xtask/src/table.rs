//! A plain table: the first columns to the left, the last to the right.

/// Lays rows out in columns as wide as their widest cell; the last column is aligned to the right.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            line.push(' ');
            if index + 1 == N {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
                line.push(' ');
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "1"], ["bcd", "100"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "  a      1\n  bcd  100\n");
    }

    #[test]
    fn an_empty_last_cell_leaves_no_space_behind() {
        assert_eq!(columns(&[["a".to_owned(), String::new()]]), "  a\n");
    }
}
