//! The same symbols on every number of threads and every backend.

use lic_codec::{Decoder, Image};
use lic_models::MODELS;

use crate::{ZOO, coded, photograph};

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

#[test]
fn threads_change_neither_bytes_nor_symbols() {
    let picture = photograph();
    for row in MODELS {
        let file = on_threads(1, || coded(&picture, row.key, 40).0);
        let digest = on_threads(1, || Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap());
        for threads in [2, 4] {
            assert!(on_threads(threads, || coded(&picture, row.key, 40).0) == file);
            let other = on_threads(threads, || {
                Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap()
            });
            assert_eq!(other, digest, "{} with {threads} threads", row.key);
        }
    }
}

/// Run with `--features tch`: see scripts/libtorch.sh.
#[cfg(feature = "tch")]
#[test]
fn libtorch_reads_the_same_symbols_and_nearly_the_same_pixels() {
    use crate::{decoded, furthest};

    let torch = lic_models::Zoo::new(lic_models::Backend::Libtorch.open().unwrap());
    let check = |picture: &Image, key: &str, quality: u8| {
        let (file, _) = coded(picture, key, quality);
        let ours = Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap();
        let theirs = Decoder::new(&file[..]).symbols_digest(&torch).unwrap();
        assert_eq!(ours, theirs, "{key} at {quality}");
        let pixels = Decoder::new(&file[..]).decode(&torch).unwrap();
        // A rounding error in μ or g_s can tip a sample that is near one half.
        assert!(
            furthest(&decoded(&file), &pixels) <= 1,
            "{key} at {quality}"
        );
    };
    for row in MODELS {
        for quality in [10, 50, 90] {
            check(&photograph(), row.key, quality);
            for path in crate::kodak().unwrap_or_default() {
                check(&crate::open(&path), row.key, quality);
            }
        }
    }
}

/// The coder is below the symbols: another one changes the bytes, not them.
#[test]
fn a_range_coded_file_has_the_same_symbols() {
    use lic_codec::{Coder, EncodeOptions, Quality, encode};

    let picture: Image = photograph();
    for row in MODELS {
        let (ans, _) = coded(&picture, row.key, 30);
        let mut options = EncodeOptions::new(Quality::new(30).unwrap());
        options.coder = Coder::Range;
        let mut range = Vec::new();
        encode(&picture, ZOO.open(row.key).unwrap(), &options, &mut range).unwrap();
        let digest = |file: &[u8]| Decoder::new(file).symbols_digest(&*ZOO).unwrap();
        assert_eq!(digest(&ans), digest(&range));
    }
}
