//! x
use std::path::PathBuf;
fn main() {
    let mut args = std::env::args().skip(2);
    let recipe = lic_models::train::Recipe::open(&PathBuf::from(args.next().unwrap())).unwrap();
    let folder = PathBuf::from("runs").join(&recipe.name);
    let device = match args.next().as_deref() {
        #[cfg(feature = "tch")]
        Some("libtorch") => lic_models::burn::tensor::Device::libtorch(),
        _ => lic_models::burn::tensor::Device::flex(),
    };
    let stop_file = folder.join("stop");
    lic_models::train::run(&recipe, &folder, &device, &mut |e| eprintln!("{}", serde_json::to_string(e).unwrap()), &|| stop_file.exists()).unwrap();
}
