//! Writes one large picture made of the pictures of a folder, side by side from the
//! top left corner and over again:
//!
//! ```sh
//! cargo run --release -p lic-datasets --example mosaic -- DIR 12000 9000 out.ppm
//! ```

use std::error::Error;

use lic_datasets::{ImageFolder, mosaic};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, width, height, out] = arguments.as_slice() else {
        return Err("mosaic DIR WIDTH HEIGHT OUT".into());
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let folder = ImageFolder::open(folder)?;
    mosaic(folder.paths(), width, height)?.save(out)?;
    Ok(())
}
