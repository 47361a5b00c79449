//! The two forms of `lic encode` and `lic decode`: `IN OUT`, and `IN... -o DIR`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;

/// Where many files go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many files")]
pub struct Many {
    /// Folder to write into, made if it is not there; every IN is read then
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Replace files that are in DIR already; without this, they are skipped
    #[arg(long, requires = "dir")]
    pub overwrite: bool,
    /// Say what would be done, and write nothing
    #[arg(long, requires = "dir")]
    pub dry_run: bool,
}

/// A result, or why the command line makes no sense.
pub type Checked<T> = Result<T, (ErrorKind, String)>;

/// What is read and written.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// `IN OUT`
    One {
        /// IN; may be `-`.
        input: &'a Path,
        /// OUT; may be `-`.
        output: &'a Path,
    },
    /// `IN... -o DIR`
    Many {
        /// What is read: files, folders, patterns; none is `-`.
        inputs: &'a [PathBuf],
        /// Where it is written to.
        dir: &'a Path,
    },
}

impl Many {
    /// The form that was typed after `lic COMMAND`; `endings` are those of what is written.
    pub(super) fn form<'a>(
        &'a self,
        command: &str,
        files: &'a [PathBuf],
        endings: &[&str],
    ) -> Checked<Form<'a>> {
        let Some(dir) = &self.dir else {
            return match files {
                [input, output] => Ok(Form::One { input, output }),
                _ => Err(neither(command, files.len())),
            };
        };
        if let Some(file) = files.iter().chain([dir]).find(|f| is_standard(f)) {
            let text = format!(
                "with -o all names are files, and `{}` is none; for a pipe: lic {command} - -",
                file.display()
            );
            return Err((ErrorKind::ArgumentConflict, text));
        }
        if names_a_file(dir, endings) {
            let text = format!(
                "-o wants a folder, and {0} looks like a file: lic {command} IN {0} writes that \
                 file, -o {0}/ a folder of that name",
                dir.display()
            );
            return Err((ErrorKind::ValueValidation, text));
        }
        Ok(Form::Many { inputs: files, dir })
    }
}

fn neither(command: &str, files: usize) -> (ErrorKind, String) {
    let (kind, names) = match files {
        1 => (ErrorKind::MissingRequiredArgument, "one name".to_owned()),
        _ => (ErrorKind::TooManyValues, format!("{files} names")),
    };
    let text = format!(
        "{names} and no -o: lic {command} IN OUT makes one file, lic {command} IN... -o DIR one \
         of every IN"
    );
    (kind, text)
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Whether `-o out.lic` was typed and out.lic meant: other programs' -o names a file.
fn names_a_file(dir: &Path, endings: &[&str]) -> bool {
    let typed = dir.as_os_str().to_string_lossy();
    let ending = dir.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default();
    !typed.ends_with(std::path::is_separator)
        && endings.iter().any(|e| e.eq_ignore_ascii_case(ending))
        && !dir.is_dir()
}
