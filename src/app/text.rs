//! Texts that people type: bounded, and kept as they are but for their ends.

use super::{
    cases::{MAX_LINE_CHARS, MAX_TEXT_CHARS},
    error::Error,
};

/// One line: not empty, without control characters, white space around it removed.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub fn line(field: &str, given: &str) -> Result<String, Error> {
    let line = given.trim();
    if line.is_empty() {
        return Err(Error::invalid(format!("`{field}` is empty")));
    }
    optional_line(field, line)
}

/// One line that may be empty.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub fn optional_line(field: &str, given: &str) -> Result<String, Error> {
    let line = given.trim();
    if line.chars().count() > MAX_LINE_CHARS {
        return Err(Error::invalid(format!(
            "`{field}` is longer than {MAX_LINE_CHARS} characters"
        )));
    }
    if line.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "`{field}` holds a control character"
        )));
    }
    Ok(line.into())
}

/// Several lines, which may be empty.
///
/// # Errors
/// [`Error::Invalid`] names the field.
pub fn text(field: &str, given: &str) -> Result<String, Error> {
    let text = given.trim().replace("\r\n", "\n");
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Error::invalid(format!(
            "`{field}` is longer than {MAX_TEXT_CHARS} characters"
        )));
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(Error::invalid(format!(
            "`{field}` holds a control character"
        )));
    }
    Ok(text)
}
