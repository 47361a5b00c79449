//! Prints the manifest of a folder, for a new test set:
//! `cargo run -p lic-datasets --example manifest -- NAME SOURCE DIR > NAME.toml`

use std::error::Error;

use lic_datasets::{ImageFolder, Manifest};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, source, dir] = arguments.as_slice() else {
        return Err("usage: manifest NAME SOURCE DIR".into());
    };
    let manifest = Manifest::of_folder(name, source, &ImageFolder::open(dir)?)?;
    print!("{}", toml::to_string(&manifest)?);
    Ok(())
}
