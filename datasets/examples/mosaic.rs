//! Writes one large picture made of the pictures of a folder, side by side from the
//! top left corner and over again:
//!
//! ```sh
//! cargo run --release -p lic-datasets --example mosaic -- DIR 12000 9000 out.ppm
//! ```

use std::error::Error;

use image::RgbImage;
use lic_datasets::ImageFolder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, width, height, out] = arguments.as_slice() else {
        return Err("mosaic DIR WIDTH HEIGHT OUT".into());
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let folder = ImageFolder::open(folder)?;
    let mut paths = folder.paths().iter().cycle();
    let mut mosaic = RgbImage::new(width, height);
    let mut y = 0;
    while y < height {
        let (mut x, mut lowest) = (0, u32::MAX);
        while x < width {
            let Some(path) = paths.next() else {
                return Err("the folder has no pictures".into());
            };
            let picture = image::open(path)?.into_rgb8();
            lowest = lowest.min(picture.height());
            // What the last picture of a row has too much of is left out.
            image::imageops::replace(&mut mosaic, &picture, x.into(), y.into());
            x += picture.width();
        }
        y += lowest;
    }
    mosaic.save(out)?;
    Ok(())
}
