//! Manifests: which pictures a test set means, by checksum, without the pixels.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::folder::{FolderError, ImageFolder, load_rgb};

const KODAK: &str = include_str!("../kodak.toml");
const CLIC2025: &str = include_str!("../clic2025.toml");

/// Why a manifest cannot be used, or a folder is not what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The manifest's own text is wrong.
    #[error("not a manifest: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A picture's name in the manifest would leave the folder.
    #[error("the manifest names \"{name}\", which is not a plain file name")]
    Name {
        /// The name.
        name: String,
    },
    /// A picture is missing.
    #[error("{set}: {} is missing", path.display())]
    Missing {
        /// The test set.
        set: String,
        /// The file looked for.
        path: PathBuf,
    },
    /// A picture is there but cannot be opened or read.
    #[error("{set}: cannot read {}: {source}", path.display())]
    Read {
        /// The test set.
        set: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture has another content than the manifest's, and does not decode.
    #[error("{set}: {source}")]
    Decode {
        /// The test set.
        set: String,
        /// What the decoder said, with the file's path.
        source: FolderError,
    },
    /// A picture decodes to something else.
    #[error("{set}: {} differs: expected {expected}, found {found}", path.display())]
    Differs {
        /// The test set.
        set: String,
        /// The file.
        path: PathBuf,
        /// Size and pixel checksum in the manifest.
        expected: String,
        /// Size and pixel checksum of the file.
        found: String,
    },
}

/// The pictures of a test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The set's name, for messages.
    pub name: String,
    /// Where the pictures come from and under what terms.
    pub source: String,
    /// The pictures, sorted by name.
    #[serde(rename = "picture")]
    pub pictures: Vec<Entry>,
}

/// One picture of a test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// File name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// SHA-256 of the file, in hex.
    pub file_sha256: String,
    /// SHA-256 of the decoded pixels, in hex: 8-bit RGB interleaved, row by row
    /// from the top, nothing else.
    pub pixels_sha256: String,
}

impl Manifest {
    /// Reads a manifest's TOML.
    ///
    /// # Errors
    /// If the text is not a manifest, or names a file outside its folder.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        for entry in &manifest.pictures {
            // A manifest must not send `verify` to read elsewhere.
            if Path::new(&entry.name).file_name() != Some(entry.name.as_ref()) {
                return Err(ManifestError::Name {
                    name: entry.name.clone(),
                });
            }
        }
        Ok(manifest)
    }

    /// The 24 Kodak pictures.
    pub fn kodak() -> Self {
        Self::parse(KODAK).expect("a test parses kodak.toml, which is compiled in")
    }

    /// Ten pictures of the CLIC 2025 validation set.
    pub fn clic2025() -> Self {
        Self::parse(CLIC2025).expect("a test parses clic2025.toml, which is compiled in")
    }

    /// Makes the manifest of a folder.
    ///
    /// # Errors
    /// If a picture cannot be read or decoded.
    pub fn of_folder(name: &str, source: &str, folder: &ImageFolder) -> Result<Self, FolderError> {
        let entry = |(i, path): (usize, &PathBuf)| {
            let bytes = fs::read(path).map_err(|source| FolderError::Read {
                path: path.clone(),
                source,
            })?;
            let pixels = load_rgb(path)?;
            Ok(Entry {
                name: folder.name(i),
                width: pixels.width(),
                height: pixels.height(),
                file_sha256: sha256(&bytes),
                pixels_sha256: sha256(&pixels),
            })
        };
        let entries: Result<_, FolderError> =
            folder.paths().iter().enumerate().map(entry).collect();
        Ok(Self {
            name: name.to_owned(),
            source: source.to_owned(),
            pictures: entries?,
        })
    }

    /// Checks that a folder holds the set, and returns the files in order. Other
    /// files beside them are passed over. A file with the manifest's bytes is
    /// not decoded; any other is accepted if it decodes to the same pixels, so a
    /// re-compressed PNG is.
    ///
    /// # Errors
    /// For the first picture that is missing, unreadable or different.
    pub fn verify(&self, dir: impl AsRef<Path>) -> Result<Vec<PathBuf>, ManifestError> {
        let dir = dir.as_ref();
        let check = |entry| self.verify_one(dir, entry);
        self.pictures.iter().map(check).collect()
    }

    fn verify_one(&self, dir: &Path, entry: &Entry) -> Result<PathBuf, ManifestError> {
        let set = || self.name.clone();
        let path = dir.join(&entry.name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::Missing { set: set(), path });
            }
            Err(source) => {
                return Err(ManifestError::Read {
                    set: set(),
                    path,
                    source,
                });
            }
        };
        if sha256(&bytes) == entry.file_sha256 {
            return Ok(path);
        }
        let pixels =
            load_rgb(&path).map_err(|source| ManifestError::Decode { set: set(), source })?;
        let expected = entry.content();
        let found = content(&pixels);
        if found == expected {
            Ok(path)
        } else {
            Err(ManifestError::Differs {
                set: set(),
                path,
                expected,
                found,
            })
        }
    }
}

impl Entry {
    fn content(&self) -> String {
        let Self { width, height, .. } = self;
        format!("{width}x{height} pixels {}", self.pixels_sha256)
    }
}

fn content(pixels: &RgbImage) -> String {
    let (width, height) = pixels.dimensions();
    format!("{width}x{height} pixels {}", sha256(pixels))
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder, Rgb, codecs::png};
    use png::{CompressionType, FilterType};

    fn set() -> (tempfile::TempDir, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        for (name, red) in [("a.png", 1), ("b.png", 2)] {
            let picture = RgbImage::from_fn(30, 20, |x, y| Rgb([red, x as u8, y as u8]));
            picture.save(dir.path().join(name)).unwrap();
        }
        let folder = ImageFolder::open(dir.path()).unwrap();
        let manifest = Manifest::of_folder("two", "made here", &folder).unwrap();
        (dir, manifest)
    }

    #[test]
    fn shipped_manifests_are_whole() {
        let hex = |s: &str| s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit());
        for (manifest, count) in [(Manifest::kodak(), 24), (Manifest::clic2025(), 10)] {
            assert_eq!(manifest.pictures.len(), count);
            assert!(!manifest.source.is_empty());
            assert!(manifest.pictures.is_sorted_by(|a, b| a.name < b.name));
            for entry in &manifest.pictures {
                assert!(hex(&entry.file_sha256) && hex(&entry.pixels_sha256));
                assert!(entry.width > 0 && entry.height > 0);
            }
        }
        let pixels = |e: &Entry| e.width * e.height;
        assert!(
            Manifest::kodak()
                .pictures
                .iter()
                .all(|e| pixels(e) == 768 * 512)
        );
    }

    #[test]
    fn same_files_and_same_pixels_pass() {
        let (dir, manifest) = set();
        let b = dir.path().join("b.png");
        let paths = manifest.verify(dir.path()).unwrap();
        assert_eq!(paths, [dir.path().join("a.png"), b.clone()]);
        let (before, pixels) = (fs::read(&b).unwrap(), load_rgb(&b).unwrap());
        let file = fs::File::create(&b).unwrap();
        png::PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Paeth)
            .write_image(&pixels, 30, 20, ExtendedColorType::Rgb8)
            .unwrap();
        assert_ne!(fs::read(&b).unwrap(), before);
        assert_eq!(manifest.verify(dir.path()).unwrap(), paths);
    }

    #[test]
    fn the_first_wrong_file_is_named() {
        let (dir, manifest) = set();
        let b = dir.path().join("b.png");
        let message = || manifest.verify(dir.path()).unwrap_err().to_string();

        let mut pixels = load_rgb(&b).unwrap();
        pixels.get_pixel_mut(29, 19).0[2] ^= 1;
        pixels.save(&b).unwrap();
        let text = message();
        assert!(
            text.starts_with("two: ") && text.contains("b.png differs"),
            "{text}"
        );

        // The same samples in another shape are another picture.
        let turned = RgbImage::from_raw(20, 30, pixels.into_raw()).unwrap();
        turned.save(&b).unwrap();
        assert!(message().contains("found 20x30 pixels"));

        fs::write(&b, "not a picture").unwrap();
        assert!(message().contains("cannot decode"));
        fs::remove_file(&b).unwrap();
        assert!(message().ends_with("b.png is missing"));
    }

    #[test]
    fn text_and_names_are_checked() {
        let (_, mut manifest) = set();
        let text = toml::to_string(&manifest).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        assert!(Manifest::parse("name = 1").is_err());
        for name in ["../a.png", "/a.png", "x/a.png", "..", ""] {
            manifest.pictures[0].name = name.into();
            let text = toml::to_string(&manifest).unwrap();
            let error = Manifest::parse(&text).unwrap_err();
            assert!(matches!(error, ManifestError::Name { .. }), "{name}");
        }
    }
}
