//! Where bytes come from and where they go: `-`, temporary files, terminals.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const STANDARD: &str = "-";

/// What messages call an input.
pub fn input_name(path: &Path) -> String {
    named(path, "standard input")
}

/// What messages call an output.
pub fn output_name(path: &Path) -> String {
    named(path, "standard output")
}

fn named(path: &Path, standard: &str) -> String {
    if path == Path::new(STANDARD) {
        standard.to_owned()
    } else {
        path.display().to_string()
    }
}

/// Opens an input, `-` being standard input.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new(STANDARD) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Reads an input of at most `limit` bytes.
pub fn read_all(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut input = open(path)?.take(limit.saturating_add(1));
    let name = || format!("cannot read {}", input_name(path));
    input.read_to_end(&mut bytes).with_context(name)?;
    if bytes.len() as u64 > limit {
        bail!("{} is longer than {limit} bytes", input_name(path));
    }
    Ok(bytes)
}

/// Where a result goes.
#[derive(Debug)]
pub struct Output {
    name: String,
    to: Destination,
}

#[derive(Debug)]
enum Destination {
    Standard,
    /// A pipe, a device: cannot be renamed onto.
    Special(PathBuf),
    /// A file, there already or not, and its folder.
    File {
        path: PathBuf,
        folder: PathBuf,
    },
}

impl Output {
    /// Looks whether `path` can be written to, before the work that it is to
    /// hold begins; touches nothing.
    pub fn at(path: &Path) -> Result<Self> {
        let name = output_name(path);
        let to = Destination::of(path).with_context(|| format!("cannot write {name}"))?;
        Ok(Self { name, to })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes what `content` writes. A file appears under its name when it is
    /// complete, or not at all.
    pub fn write(&self, content: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let result = match &self.to {
            Destination::Standard => to_stream(io::stdout().lock(), content),
            Destination::Special(path) => File::options()
                .write(true)
                .open(path)
                .map_err(Into::into)
                .and_then(|file| to_stream(file, content)),
            Destination::File { path, folder } => to_file(path, folder, content),
        };
        result.with_context(|| format!("cannot write {}", self.name))
    }
}

impl Destination {
    fn of(path: &Path) -> Result<Self> {
        if path == Path::new(STANDARD) {
            if io::stdout().is_terminal() {
                bail!("it is a terminal, and these bytes are not text; name a file or a pipe");
            }
            return Ok(Self::Standard);
        }
        let path = match fs::metadata(path) {
            Ok(there) if there.is_dir() => bail!("it is a folder; -o DIR writes into one"),
            // Through links, so that a link stays one and its target is replaced.
            Ok(there) if there.is_file() => fs::canonicalize(path)?,
            Ok(_) => return Ok(Self::Special(path.to_owned())),
            Err(_) => path.to_owned(),
        };
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let name = || format!("the folder {}", folder.display());
        if !fs::metadata(&folder).with_context(name)?.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        Ok(Self::File { path, folder })
    }
}

fn to_stream(stream: impl Write, content: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut writer = BufWriter::new(stream);
    content(&mut writer)?;
    Ok(writer.flush()?)
}

fn to_file(
    path: &Path,
    folder: &Path,
    content: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lic-");
    // A temporary file is private by default; this one becomes the result, with
    // the rights that any new file has (less the umask) or that the old one had.
    let old = fs::metadata(path).ok().map(|there| there.permissions());
    #[cfg(unix)]
    let new = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(new);
    let mut file = builder.tempfile_in(folder)?;
    // Not through `NamedTempFile`, whose errors name the temporary file.
    to_stream(file.as_file_mut(), content)?;
    if let Some(old) = old {
        file.as_file().set_permissions(old)?;
    }
    // A disk that is full may say so only now, and a crash after the rename must
    // not leave an empty file.
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |e: io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
        entries.map(name).collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let output = Output::at(&path).unwrap();
        let failed = output.write(|w| {
            w.write_all(b"half")?;
            bail!("no more")
        });
        let text = format!("{:#}", failed.unwrap_err());
        assert!(text.starts_with("cannot write ") && text.ends_with("/a: no more"));
        assert!(names(folder.path()).is_empty());

        for content in [b"one".as_slice(), b"another"] {
            output.write(|w| Ok(w.write_all(content)?)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(names(folder.path()), ["a"]);
        }
        assert_eq!(read_all(&path, 7).unwrap(), b"another");
        assert!(read_all(&path, 6).is_err());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let output = Output::at(&path).unwrap();
        assert!(output.write(|_| bail!("no")).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn places_that_cannot_hold_a_file_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &Path| format!("{:#}", Output::at(path).unwrap_err());
        assert!(text(folder.path()).contains("it is a folder"));
        let nowhere = folder.path().join("none/a");
        assert!(text(&nowhere).contains("none/a: the folder "));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Output::at(&file.join("a")).is_err());
        assert!(open(&nowhere).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_rights_stay_and_devices_are_not_replaced() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        let output = Output::at(&link).unwrap();
        output.write(|w| Ok(w.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let rights = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(rights & 0o777, 0o640);

        let null = Path::new("/dev/null");
        let output = Output::at(null).unwrap();
        output.write(|w| Ok(w.write_all(b"gone")?)).unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }
}
