//! JSON numbers: check, never convert. They go upstream as they were written.

use super::JsonError;

/// The place after the number that starts at `input[at]`.
pub(super) fn end(input: &[u8], at: usize) -> Result<usize, JsonError> {
    let mut end = at;
    if input.get(end) == Some(&b'-') {
        end += 1;
    }
    let whole = end;
    end = match input.get(end) {
        Some(b'0') => end + 1,
        _ => digits(input, end)?,
    };
    let whole_digits = end - whole;
    if input.get(end) == Some(&b'.') {
        end = digits(input, end + 1)?;
    }
    let exponent = matches!(input.get(end), Some(b'e' | b'E'));
    if exponent {
        end += 1;
        if matches!(input.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        end = digits(input, end)?;
    }
    // 10^308 is the last power of ten that a double holds.
    if (exponent || whole_digits > 308) && !fits_double(&input[at..end]) {
        return Err(JsonError::Number { at });
    }
    Ok(end)
}

/// The place after one or more digits.
fn digits(input: &[u8], at: usize) -> Result<usize, JsonError> {
    let count = input[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        return Err(JsonError::Syntax {
            at,
            wanted: "a digit",
        });
    }
    Ok(at + count)
}

fn fits_double(number: &[u8]) -> bool {
    std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}
