//! Where a run keeps its files: a fresh folder under the system's temporary one, never in the
//! checkout. Nothing in it is meant to outlive the run; what a killed run left is swept by the next.

use std::{
    fs,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A folder that is removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
}

impl Scratch {
    /// Makes a folder and removes those of runs that are gone.
    pub fn create() -> Result<Self> {
        let base = base();
        sweep(&base);
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir_in(&base)
            .with_context(|| format!("making a folder in {}", base.display()))?;
        // Postgres never runs as root, and its user must reach its own folder below this one.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711))?;
        Ok(Self { dir })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A folder in it that only we may enter.
    pub fn private(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(path)
    }
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content.as_ref())?;
    Ok(())
}

/// The path of a unix socket has at most 107 bytes, so a long TMPDIR cannot be used.
fn base() -> PathBuf {
    let wanted = std::env::temp_dir();
    if wanted.as_os_str().len() <= 40 {
        wanted
    } else {
        PathBuf::from("/tmp")
    }
}

fn sweep(base: &Path) {
    let ours = rustix::process::getuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        let is_ours = entry
            .metadata()
            .is_ok_and(|entry| entry.is_dir() && entry.uid() == ours);
        let Some(pid) = pid.filter(|_| is_ours) else {
            continue;
        };
        if !Path::new("/proc").join(pid.to_string()).exists() {
            // Another run may sweep the same folder at this moment; either of us may win.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

const PREFIX: &str = "aldgate-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_dead_process_is_swept_and_ours_stays() {
        let ours = Scratch::create().unwrap();
        // Linux pids stay below 2^22, so this one cannot be alive.
        let dead = base().join(format!("{PREFIX}4294967295-gone"));
        fs::create_dir_all(&dead).unwrap();
        sweep(&base());
        assert!(!dead.exists());
        assert!(ours.path().exists());
    }

    #[test]
    fn a_private_file_is_readable_by_its_owner_only() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().join("secret");
        fs::write(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
