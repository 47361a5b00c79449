//! A model with mixtures through the codec: the shipped one, widened, its new layers
//! shaken so that no parameter is at its start.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use lic_codec::{
    Channels, Coder, Decoder, EncodeOptions, Image, ModelId, Quality, Samples, encode,
};

use crate::prior::MixtureConfig;
use crate::standard::Noise;
use crate::train::Objective;
use crate::{Backend, MODELS, StandardModel, Weights, freeze};

struct Shake(Noise);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| self.0.tensor(t.dims(), &Device::flex()) * 0.1 + t)
    }
}

/// On our own kernels and on Burn.
fn models(mixture: MixtureConfig) -> [StandardModel; 2] {
    let row = &MODELS[0];
    let mut config = row.config().unwrap();
    config.shape.mixture = Some(mixture);
    let device = Device::flex();
    let mut model = row.weights.thaw(&device).unwrap();
    let wide = config
        .shape
        .with_mixtures(model.shape, &config.groups, &device);
    model.shape = wide.map(&mut Shake(Noise::new(4)));
    let (text, float, integer) = freeze(&config, model).unwrap();
    let weights = Weights {
        config: text.leak(),
        float: float.leak(),
        integer: integer.leak(),
    };
    [Backend::Cpu, Backend::Flex].map(|backend| {
        let device = backend.open().unwrap();
        let mse = Objective::Mse;
        weights
            .load(ModelId(900), "mixture", mse, backend, &device)
            .unwrap()
    })
}

/// Something with edges, gradients and noise.
fn picture() -> Image {
    let mut noise = Noise::new(8);
    let samples = (0..3 * 150 * 110usize).map(|i| {
        let (x, y) = (i / 3 % 150, i / 450);
        let wave = ((x * x / 9) ^ (y * 3)) as u8 / 2;
        wave.wrapping_add((noise.next_u64() % 40) as u8)
    });
    Image::new(150, 110, Channels::Rgb, samples.collect::<Vec<u8>>()).unwrap()
}

fn furthest(a: &Image, b: &Image) -> u8 {
    match (a.samples(), b.samples()) {
        (Samples::Eight(a), Samples::Eight(b)) => {
            a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
        }
        _ => panic!("samples of 8 bits"),
    }
}

#[test]
fn files_of_mixtures_decode_to_the_same_on_every_backend() {
    let picture = picture();
    for mixture in [
        MixtureConfig::new(3, false, 3),
        MixtureConfig::new(2, true, 3),
    ] {
        let [own, burn] = models(mixture);
        for (coder, quality) in [(Coder::Ans, 20), (Coder::Range, 70)] {
            let options = EncodeOptions::new(Quality::new(quality).unwrap()).coder(coder);
            let mut file = Vec::new();
            let report = encode(&picture, &own, &options, &mut file).unwrap();
            // Headers are tens of bytes; what the mixtures say is what it takes.
            let predicted = report.predicted_bits / 8.0;
            assert!((file.len() as f64) < predicted + 150.0);
            let digest = |model: &StandardModel| {
                let decoder = Decoder::new(&file[..]);
                decoder.symbols_digest(model).unwrap()
            };
            assert_eq!(digest(&own), digest(&burn));
            let decode = |model: &StandardModel| Decoder::new(&file[..]).decode(model).unwrap();
            assert!(furthest(&decode(&own), &decode(&burn)) <= 1);
        }
    }
}
