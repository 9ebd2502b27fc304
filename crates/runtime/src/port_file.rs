//! The file that says which addresses a process got, for callers that asked for port 0
//! (`ALDGATE_PORT_FILE`).

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
};

use serde_json::{Map, Value};

/// The addresses by name, written as one JSON object such as
/// `{"ops":"127.0.0.1:4100","public":["127.0.0.1:4101"]}`.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PortFile(Map<String, Value>);

impl PortFile {
    /// Without any address.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a door with one address.
    pub fn one(mut self, name: &'static str, address: SocketAddr) -> Self {
        self.0.insert(name.to_owned(), address.to_string().into());
        self
    }

    /// Adds a door with a list of addresses.
    pub fn many(mut self, name: &'static str, addresses: &[SocketAddr]) -> Self {
        let addresses: Vec<Value> = addresses
            .iter()
            .map(|address| address.to_string().into())
            .collect();
        self.0.insert(name.to_owned(), addresses.into());
        self
    }

    /// Writes the file under a temporary name beside `path` and renames it, so that a reader sees
    /// all of it or nothing.
    pub fn write(self, path: &Path) -> Result<(), PortFileError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", process::id()));
        let mut text = Value::Object(self.0).to_string();
        text.push('\n');
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|source| PortFileError {
                path: path.to_owned(),
                source,
            })
    }
}

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the port file {}; set ALDGATE_PORT_FILE to a path in a folder this user may write", path.display())]
pub struct PortFileError {
    path: PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_every_door_and_nothing_else_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ports.json");
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();

        PortFile::new()
            .one("ops", address("127.0.0.1:1"))
            .many("public", &[address("127.0.0.1:2"), address("[::1]:2")])
            .write(&path)
            .unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\"ops\":\"127.0.0.1:1\",\"public\":[\"127.0.0.1:2\",\"[::1]:2\"]}\n"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_a_remedy() {
        let error = PortFile::new()
            .write(Path::new("/does/not/exist/ports"))
            .unwrap_err();
        assert!(error.to_string().contains("ALDGATE_PORT_FILE"), "{error}");
    }
}
