//! Which pictures are measured: a folder of anything, or a test set whose pictures
//! are checked.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lic_datasets::{ImageFolder, Manifest};

/// Pictures to measure.
#[derive(Debug)]
pub struct Pictures {
    /// The files, sorted by name.
    pub paths: Vec<PathBuf>,
    /// The test set that they were verified to be, all of it.
    pub whole_set: Option<Manifest>,
}

impl Pictures {
    /// Those of the set `name` in `data`, or of the folder `name`; the first `limit`.
    ///
    /// # Errors
    /// If there are none, or a picture of the set is not what its manifest says.
    pub fn find(name: &Path, data: Option<&Path>, limit: Option<u32>) -> Result<Self> {
        let (mut paths, manifest) = match data {
            Some(data) => {
                let manifest = manifest(name)?;
                let paths = manifest.verify(data)?;
                (paths, Some(manifest))
            }
            None => {
                if !name.exists() && manifest(name).is_ok() {
                    bail!("the pictures of a test set are wanted: name their folder with --data");
                }
                let paths = ImageFolder::open(name)?.paths().to_vec();
                let set = whole_set(name, &paths);
                (paths, set)
            }
        };
        let limit = limit.map_or(paths.len(), |n| n as usize);
        let all = limit >= paths.len();
        paths.truncate(limit);
        Ok(Self {
            paths,
            whole_set: manifest.filter(|_| all),
        })
    }
}

fn manifest(name: &Path) -> Result<Manifest> {
    let known = [Manifest::kodak(), Manifest::clic2025()];
    let names = known.each_ref().map(|set| set.name.clone()).join(", ");
    let found = known.into_iter().find(|set| name == Path::new(&set.name));
    found.with_context(|| {
        format!(
            "no test set is called {}; with --data there are {names}",
            name.display()
        )
    })
}

/// The set that these pictures are, if they are all of one and nothing else.
fn whole_set(folder: &Path, paths: &[PathBuf]) -> Option<Manifest> {
    [Manifest::kodak(), Manifest::clic2025()]
        .into_iter()
        // The number first: it costs nothing.
        .filter(|set| set.pictures.len() == paths.len())
        .find(|set| set.verify(folder).is_ok_and(|verified| verified == paths))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn a_folder_of_anything_is_no_test_set() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kodim01.png", "kodim02.png", "z.png"] {
            RgbImage::new(8, 8).save(folder.path().join(name)).unwrap();
        }
        let found = Pictures::find(folder.path(), None, None).unwrap();
        assert_eq!(found.paths.len(), 3);
        assert!(found.whole_set.is_none());
        let first = Pictures::find(folder.path(), None, Some(1)).unwrap();
        assert_eq!(first.paths, [folder.path().join("kodim01.png")]);

        let error = |name: &str, data: Option<&Path>| {
            let found = Pictures::find(Path::new(name), data, None);
            format!("{:#}", found.unwrap_err())
        };
        // Pictures of the right name and another content.
        let text = error("kodak", Some(folder.path()));
        assert!(text.contains("kodim01.png differs"), "{text}");
        let text = error("kodak2", Some(folder.path()));
        assert!(text.contains("there are kodak, clic2025"), "{text}");
        assert!(error("kodak", None).contains("--data"));
    }

    #[test]
    fn kodak_is_known_by_its_pictures() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/kodak");
        if !data.is_dir() {
            eprintln!("skipped: no Kodak pictures beside the repository");
            return;
        }
        let name = |found: Pictures| found.whole_set.map(|set| set.name);
        let kodak = Some("kodak".to_owned());
        assert_eq!(name(Pictures::find(&data, None, None).unwrap()), kodak);
        let by_name = Pictures::find(Path::new("kodak"), Some(&data), None).unwrap();
        assert_eq!(by_name.paths.len(), 24);
        assert_eq!(name(by_name), kodak);
        let part = Pictures::find(Path::new("kodak"), Some(&data), Some(3)).unwrap();
        assert_eq!(name(part), None);
    }
}
