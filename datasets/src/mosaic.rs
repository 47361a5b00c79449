//! Large pictures out of small ones.

use std::path::Path;

use image::RgbImage;

use crate::folder::{FolderError, load_rgb};

/// A picture of `width` by `height` pixels made of others, side by side from the top
/// left corner and over again. A row is as high as the lowest picture in it; what
/// reaches out is left out. Holds the result and one picture.
///
/// # Errors
/// If a picture cannot be read.
///
/// # Panics
/// If there are no pictures.
pub fn mosaic(
    paths: &[impl AsRef<Path>],
    width: u32,
    height: u32,
) -> Result<RgbImage, FolderError> {
    assert!(!paths.is_empty(), "a mosaic of no pictures");
    let mut paths = paths.iter().cycle();
    let mut mosaic = RgbImage::new(width, height);
    let mut y = 0;
    while y < height {
        let (mut x, mut lowest) = (0, u32::MAX);
        while x < width {
            let Some(path) = paths.next() else { break };
            let picture = load_rgb(path.as_ref())?;
            lowest = lowest.min(picture.height());
            image::imageops::replace(&mut mosaic, &picture, x.into(), y.into());
            x += picture.width();
        }
        y = y.saturating_add(lowest);
    }
    Ok(mosaic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn pictures_lie_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [(2, 3, 10), (4, 2, 20)].map(|(width, height, grey)| {
            let path = folder.path().join(format!("{grey}.png"));
            let picture = RgbImage::from_pixel(width, height, Rgb([grey; 3]));
            picture.save(&path).unwrap();
            path
        });
        let made = mosaic(&paths, 7, 5).unwrap();
        let row = |y| (0..7).map(move |x| (x, y));
        let greys = |y| {
            row(y)
                .map(|(x, y)| made.get_pixel(x, y)[0])
                .collect::<Vec<_>>()
        };
        // The first row has three pictures and two rows of pixels of each.
        assert_eq!(greys(1), [10, 10, 20, 20, 20, 20, 10]);
        assert_eq!(greys(2), [20, 20, 20, 20, 10, 10, 20]);
        assert_eq!(greys(4), [10, 10, 20, 20, 20, 20, 10]);
        assert!(mosaic(&[folder.path().join("none.png")], 1, 1).is_err());
    }
}
