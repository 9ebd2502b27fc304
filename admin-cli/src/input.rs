//! Values that come from a file or from stdin (`-`), because they are secret or long. A secret never
//! stands on the command line, where every process of the machine can read it.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::Path,
};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A secret, without the line end that editors and `echo` leave behind.
pub(crate) fn secret(flag: &'static str, path: &Path) -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(read(flag, path, LONGEST_SECRET)?);
    cut_line_end(&mut text);
    if text.is_empty() {
        return Err(Failure::Usage(format!("{flag}: {} is empty", shown(path))));
    }
    Ok(SecretString::from(text.as_str()))
}

/// A text as it stands.
pub(crate) fn text(flag: &'static str, path: &Path) -> Result<String, Failure> {
    read(flag, path, LONGEST_TEXT)
}

/// A file that is no text, such as an image.
pub(crate) fn bytes(flag: &'static str, path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |source| Failure::File {
        flag,
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(LONGEST_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(failed(too_long(LONGEST_TEXT)));
    }
    Ok(bytes)
}

/// Whether somebody sits before a terminal who can be asked.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Reads a line that the terminal does not show. `otherwise` says what to give where nobody can be asked.
pub(crate) fn asked(question: &str, otherwise: &str) -> Result<SecretString, Failure> {
    let missing = || Failure::Usage(otherwise.to_owned());
    if !is_terminal() {
        return Err(missing());
    }
    let answer = rpassword::prompt_password(question).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::Cancelled,
        _ => missing(),
    })?;
    if answer.trim().is_empty() {
        return Err(Failure::Usage(
            "nothing was typed, and nothing is changed".into(),
        ));
    }
    Ok(SecretString::from(answer))
}

/// Refuses stdin for more than one value: whichever is read first would take all of it.
pub(crate) fn stdin_once(files: &[(&'static str, Option<&Path>)]) -> Result<(), Failure> {
    let mut readers = files
        .iter()
        .filter(|(_, path)| path.is_some_and(is_stdin))
        .map(|(flag, _)| flag);
    match (readers.next(), readers.next()) {
        (Some(first), Some(second)) => Err(Failure::Usage(format!(
            "{first}: stdin is already read for {second}; use a file"
        ))),
        _ => Ok(()),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(flag: &'static str, path: &Path, longest: u64) -> Result<String, Failure> {
    let failed = |source| Failure::File {
        flag,
        path: path.into(),
        source,
    };
    if is_stdin(path) {
        bounded(io::stdin().lock(), longest).map_err(failed)
    } else {
        bounded(File::open(path).map_err(failed)?, longest).map_err(failed)
    }
}

fn bounded(source: impl Read, longest: u64) -> io::Result<String> {
    let mut text = String::new();
    source.take(longest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > longest {
        return Err(too_long(longest));
    }
    Ok(text)
}

fn too_long(longest: u64) -> io::Error {
    let message = format!("it is longer than {longest} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

fn cut_line_end(text: &mut String) {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
}

/// The path as people read it.
pub(crate) fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".into()
    } else {
        path.display().to_string()
    }
}

/// More than any secret we take, so that the API can say what is wrong with a long one.
const LONGEST_SECRET: u64 = 64 << 10;
const LONGEST_TEXT: u64 = 2 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn one_line_end_is_cut_and_nothing_else() {
        for (content, value) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
        ] {
            let secret = with_file(content, |path| secret("--x", path)).unwrap();
            assert_eq!(secret.expose_secret(), value);
        }
    }

    #[test]
    fn an_empty_secret_names_the_flag() {
        let error = with_file("\n", |path| secret("--auth-credential-file", path)).unwrap_err();
        assert!(
            error.to_string().starts_with("--auth-credential-file: "),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_names_the_flag() {
        let error = secret("--key-file", Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "--key-file: cannot read /nowhere/at/all");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        assert!(secret("--key-file", Path::new("/dev/zero")).is_err());
    }

    fn with_file<T>(content: &str, then: impl FnOnce(&Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        fs::write(&path, content).unwrap();
        then(&path)
    }
}
