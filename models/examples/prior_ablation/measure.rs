//! Real files.

use std::error::Error;
use std::path::Path;

pub fn run(_: &Path, _: &[String]) -> Result<(), Box<dyn Error>> {
    Err("not yet".into())
}
