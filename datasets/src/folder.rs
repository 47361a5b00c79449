//! A folder of pictures, in an order that does not depend on the file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::{ImageError, ImageReader, RgbImage};
use rayon::prelude::*;

/// File name endings that count as pictures, in lower case.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "ppm", "pgm", "pnm"];

/// Why a folder or one of its pictures cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder itself cannot be listed.
    #[error("cannot list the folder {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no file with a picture's ending.
    #[error(
        "no pictures in {}: looked for the endings {}",
        path.display(),
        EXTENSIONS.join(", ")
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file's content is not a picture that can be decoded.
    #[error("cannot decode {}: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: ImageError,
    },
}

/// A decoded picture and the name of the file that it came from.
#[derive(Clone, Debug)]
pub struct Picture {
    /// File name, for messages.
    pub name: String,
    /// The pixels.
    pub pixels: RgbImage,
}

/// The pictures of one folder, sorted by file name. Sub-folders and files whose
/// name starts with a dot are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    paths: Vec<PathBuf>,
}

impl ImageFolder {
    /// Lists the folder; decodes nothing yet.
    ///
    /// # Errors
    /// If the folder cannot be listed or holds no pictures.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, FolderError> {
        let dir = dir.as_ref();
        let list_error = |source| FolderError::List {
            path: dir.to_path_buf(),
            source,
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(list_error)? {
            let path = entry.map_err(list_error)?.path();
            if is_picture(&path) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            return Err(FolderError::Empty {
                path: dir.to_path_buf(),
            });
        }
        // One folder, so the order of the paths is the order of the names: by
        // bytes, the same under every locale and file system.
        paths.sort();
        Ok(Self { paths })
    }

    /// How many pictures there are. A folder just opened has at least one; a
    /// side of a split can have none.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The files, sorted by name.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// File name of picture `i`.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len), as slices do.
    pub fn name(&self, i: usize) -> String {
        file_name(&self.paths[i])
    }

    /// Decodes picture `i`.
    ///
    /// # Errors
    /// If the file cannot be read or decoded.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len), as slices do.
    pub fn load(&self, i: usize) -> Result<RgbImage, FolderError> {
        load_rgb(&self.paths[i])
    }

    /// Decodes all pictures on Rayon's threads, in order.
    ///
    /// # Errors
    /// If any file cannot be read or decoded.
    pub fn load_all(&self) -> Result<Vec<Picture>, FolderError> {
        self.paths
            .par_iter()
            .map(|path| {
                Ok(Picture {
                    name: file_name(path),
                    pixels: load_rgb(path)?,
                })
            })
            .collect()
    }

    /// Splits into `(train, held)`: every `every`-th picture in sorted order is
    /// held aside for evaluation. 0 holds none aside, 1 holds all.
    pub fn split_held_aside(&self, every: usize) -> (Self, Self) {
        let mut train = Vec::new();
        let mut held = Vec::new();
        for (i, path) in self.paths.iter().enumerate() {
            let is_held = every > 0 && (i + 1) % every == 0;
            let side = if is_held { &mut held } else { &mut train };
            side.push(path.clone());
        }
        (Self { paths: train }, Self { paths: held })
    }
}

/// Decodes a file to 8-bit RGB by its content, whatever its ending says.
pub(crate) fn load_rgb(path: &Path) -> Result<RgbImage, FolderError> {
    let read_error = |source| FolderError::Read {
        path: path.to_path_buf(),
        source,
    };
    let reader = ImageReader::open(path)
        .map_err(read_error)?
        .with_guessed_format()
        .map_err(read_error)?;
    // The reader's own limits (512 MiB of memory) stay on: a file is input too.
    match reader.decode() {
        Ok(picture) => Ok(picture.into_rgb8()),
        Err(ImageError::IoError(source)) => Err(read_error(source)),
        Err(source) => Err(FolderError::Decode {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn is_picture(path: &Path) -> bool {
    let hidden = file_name(path).starts_with('.');
    let known = path
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| EXTENSIONS.contains(&ending.to_ascii_lowercase().as_str()));
    // `is_file` follows links, so a folder of links works as one of files.
    !hidden && known && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let pixel = RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]));
        for name in names {
            pixel
                .save_with_format(dir.path().join(name), image::ImageFormat::Png)
                .unwrap();
        }
        dir
    }

    #[test]
    fn lists_pictures_by_name_and_passes_over_the_rest() {
        let dir = folder_with(&["c.png", "B.PNG", "a.webp", ".hidden.png"]);
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        fs::create_dir(dir.path().join("folder.png")).unwrap();
        let folder = ImageFolder::open(dir.path()).unwrap();
        let names: Vec<_> = (0..folder.len()).map(|i| folder.name(i)).collect();
        assert_eq!(names, ["B.PNG", "a.webp", "c.png"]);
        // A PNG named .webp is read by its content.
        assert_eq!(folder.load(1).unwrap().dimensions(), (3, 2));
        assert_eq!(folder.load_all().unwrap()[2].name, "c.png");
    }

    #[test]
    fn split_takes_every_nth() {
        let dir = folder_with(&["1.png", "2.png", "3.png", "4.png", "5.png"]);
        let folder = ImageFolder::open(dir.path()).unwrap();
        let (train, held) = folder.split_held_aside(2);
        assert_eq!((train.len(), held.len()), (3, 2));
        assert_eq!(
            (held.name(0), held.name(1)),
            ("2.png".into(), "4.png".into())
        );
        assert!(folder.split_held_aside(0).1.is_empty());
        assert!(folder.split_held_aside(1).0.is_empty());
    }

    #[test]
    fn errors_name_the_file() {
        let dir = folder_with(&[]);
        let empty = ImageFolder::open(dir.path()).unwrap_err();
        assert!(matches!(empty, FolderError::Empty { .. }));
        let missing = ImageFolder::open(dir.path().join("none")).unwrap_err();
        assert!(matches!(missing, FolderError::List { .. }));
        fs::write(dir.path().join("bad.png"), "not a picture").unwrap();
        let bad = ImageFolder::open(dir.path()).unwrap().load(0).unwrap_err();
        assert!(matches!(bad, FolderError::Decode { .. }));
        assert!(bad.to_string().contains("bad.png"), "{bad}");
    }
}
