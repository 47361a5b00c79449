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

/// What our own kernels wrote, `backend` reads to the same symbols and to pixels that
/// are one level off at most.
fn reads_the_same(backend: lic_models::Backend, pictures: &[Image], qualities: &[u8]) {
    use crate::{decoded, nearly_equal};

    let other = lic_models::Zoo::on(backend).unwrap();
    for row in MODELS {
        for &quality in qualities {
            for picture in pictures {
                let (file, _) = coded(picture, row.key, quality);
                let ours = Decoder::new(&file[..]).symbols_digest(&*ZOO).unwrap();
                let theirs = Decoder::new(&file[..]).symbols_digest(&other).unwrap();
                assert_eq!(ours, theirs, "{} at {quality}", row.key);
                let pixels = Decoder::new(&file[..]).decode(&other).unwrap();
                // A rounding error in μ or g_s can tip a sample that is near one half.
                let near = nearly_equal(&decoded(&file), &pixels);
                assert!(near, "{} at {quality}", row.key);
            }
        }
    }
}

#[test]
fn burn_reads_the_same_symbols_and_nearly_the_same_pixels() {
    let picture = crate::crop(&photograph(), [200, 90], [400, 300]);
    reads_the_same(lic_models::Backend::Flex, &[picture], &[10, 50, 90]);
}

/// Run with `--features tch`: see scripts/libtorch.sh.
#[cfg(feature = "tch")]
#[test]
fn libtorch_reads_the_same_symbols_and_nearly_the_same_pixels() {
    let kodak = crate::kodak().unwrap_or_default();
    let mut pictures: Vec<Image> = kodak.iter().map(|path| crate::open(path)).collect();
    pictures.push(photograph());
    reads_the_same(lic_models::Backend::Libtorch, &pictures, &[10, 50, 90]);
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

/// Symbols of a tile depend on no other tile; pixels see over its edges, so the
/// picture is the one that its latents make as a whole.
#[test]
fn tiles_do_not_show() {
    use lic_codec::{EncodeOptions, Encoding, Quality};

    // Small tiles, smaller than the margin that the transforms see, and odd ends.
    let part = crate::crop(&photograph(), [300, 100], [330, 250]);
    let mut cases = vec![
        (part.clone(), 20, 64),
        (part.clone(), 60, 128),
        (part, 95, 192),
    ];
    let kodak = crate::kodak().unwrap_or_default();
    cases.extend(kodak.iter().map(|path| (crate::open(path), 50, 128)));
    for row in MODELS {
        let model = ZOO.open(row.key).unwrap();
        for (picture, quality, tile) in &cases {
            let options = EncodeOptions::new(Quality::new(*quality).unwrap()).tile(*tile);
            let mut file = Vec::new();
            let encoding = Encoding::new(picture, model, &options).unwrap();
            let report = encoding.write(&mut file).unwrap();
            assert!(report.tiles > 3);
            let tiled = crate::decoded(&file);
            let whole = Whole(model);
            let whole = Decoder::new(&file[..]).decode(&whole).unwrap();
            // Sums of floats in another order may tip a sample near one half.
            let off = crate::furthest(&tiled, &whole);
            assert!(off <= 1, "{} at {quality}, {tile}: {off}", row.key);
        }
    }
}

/// A model that sees all of the picture at once, whatever its tiles.
struct Whole<'a>(&'a dyn lic_codec::Model);

impl lic_codec::Model for Whole<'_> {
    fn id(&self) -> lic_codec::ModelId {
        self.0.id()
    }
    fn key(&self) -> &str {
        self.0.key()
    }
    fn digest(&self) -> lic_codec::Digest {
        self.0.digest()
    }
    fn sections(&self) -> &[usize] {
        self.0.sections()
    }
    fn stride(&self) -> u32 {
        self.0.stride()
    }
    fn alignment(&self) -> u32 {
        self.0.alignment()
    }
    fn margin(&self) -> u32 {
        1 << 20
    }
    fn channels(&self) -> usize {
        self.0.channels()
    }
    fn memory(&self, width: u32, height: u32) -> u64 {
        self.0.memory(width, height)
    }
    fn has_trellis(&self) -> bool {
        self.0.has_trellis()
    }
    fn analyse(
        &self,
        _: &lic_codec::Pixels,
        _: lic_codec::Area,
        _: (u32, u32),
        _: &lic_codec::Asked<'_>,
    ) -> Result<Box<dyn lic_codec::Latents + '_>, lic_codec::ModelError> {
        unreachable!("it only decodes")
    }
    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: lic_codec::Quantiser,
    ) -> Result<Box<dyn lic_codec::Latents + '_>, lic_codec::ModelError> {
        self.0.prepare(width, height, quantiser)
    }
    fn synthesise(
        &self,
        window: lic_codec::Field,
        keep: lic_codec::Area,
        quality: lic_codec::Quality,
    ) -> Result<lic_codec::Pixels, lic_codec::ModelError> {
        self.0.synthesise(window, keep, quality)
    }
}
