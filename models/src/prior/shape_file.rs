//! The frozen integer half of a model as a file: what BITSTREAM.md's *Models 1 and 2*
//! calls the integer file. All numbers little-endian.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use lic_entropy::{TableSpec, Tables};

use super::quantised::{ACTIVATION_BITS, MAX_EXPONENT, QuantConv, SUM_LIMIT, exponents};
use super::shape::{Shape, ShapeHead};
use super::{Factorized, GroupsConfig, LEVELS, MixtureConfig, ShapeConfig};

/// First bytes of the file.
const MAGIC: [u8; 4] = *b"LICI";

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntLayer {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Taps a side.
    pub side: usize,
    /// `[output][input][tap]`.
    pub weights: Vec<i8>,
    /// `[output]`; empty for a layer that adds to the stream.
    pub bias: Vec<i32>,
    /// `[output]`, 1..=14; empty likewise.
    pub exponents: Vec<u8>,
}

/// All layers.
#[derive(Debug, Clone, PartialEq)]
pub struct IntWeights {
    /// 1/64 to 1/32.
    pub up_32: IntLayer,
    /// 1/32 to 1/16.
    pub up_16: IntLayer,
    /// Writes the stream.
    pub hyper: IntLayer,
    /// Add to the stream, one a group.
    pub context: Vec<IntLayer>,
    /// Two layers a step.
    pub heads: Vec<[IntLayer; 2]>,
    /// Beside the second of each, if distributions are mixtures.
    pub mixtures: Option<(MixtureConfig, Vec<IntLayer>)>,
}

/// Why an integer file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntFileError {
    /// Too short, or something behind its end, or another kind of file.
    #[error("integer weights: {0}")]
    Format(&'static str),
    /// A sum could pass the limit.
    #[error("integer weights: channel {channel} of {layer} can reach {sum}, limit {SUM_LIMIT}")]
    Overflow {
        /// The layer.
        layer: String,
        /// The output channel.
        channel: usize,
        /// The greatest sum.
        sum: u64,
    },
    /// An exponent out of range.
    #[error("integer weights: {layer} has exponent {exponent}, not in 1..={MAX_EXPONENT}")]
    Exponent {
        /// The layer.
        layer: String,
        /// The exponent.
        exponent: u8,
    },
    /// A configuration that no file can be right for.
    #[error("integer weights: {0}")]
    Mixture(String),
    /// The tables of the hyper-latents.
    #[error("tables of the hyper-latents: {0}")]
    Tables(#[from] lic_entropy::TableError),
}

/// Freezes the shape networks and the tables of the hyper-latents into the file.
pub fn freeze(shape: &Shape, factorized: &Factorized) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    put_layer(&mut file, &freeze_conv(&shape.up_32));
    put_layer(&mut file, &freeze_conv(&shape.up_16));
    for layer in &freeze_stream(&shape.hyper, &shape.context) {
        put_layer(&mut file, layer);
    }
    for head in &shape.heads {
        put_layer(&mut file, &freeze_conv(&head.mix));
        put_layer(&mut file, &freeze_conv(&head.out));
        if let Some(more) = &head.more {
            put_layer(&mut file, &freeze_conv(more));
        }
    }
    for TableSpec { min, freqs } in factorized.freeze() {
        file.extend_from_slice(&min.to_le_bytes());
        file.extend_from_slice(&(freqs.len() as u16).to_le_bytes());
        // A table has at least two slots, so no mass is 2^16.
        freqs
            .iter()
            .for_each(|&f| file.extend_from_slice(&(f as u16).to_le_bytes()));
    }
    file
}

pub(super) fn put_layer(file: &mut Vec<u8>, layer: &IntLayer) {
    file.extend(layer.weights.iter().map(|w| w.to_le_bytes()[0]));
    layer
        .bias
        .iter()
        .for_each(|b| file.extend_from_slice(&b.to_le_bytes()));
    file.extend_from_slice(&layer.exponents);
}

pub(super) fn freeze_conv(conv: &QuantConv) -> IntLayer {
    let weight = conv.weight.val();
    let exponents = exponents(std::slice::from_ref(&weight), &conv.bias.val());
    freeze_layer(&weight, Some(&conv.bias.val()), &exponents)
}

/// The hyper-decoder's layer and the contexts', with their common exponents.
pub(super) fn freeze_stream(hyper: &QuantConv, context: &[Param<Tensor<4>>]) -> Vec<IntLayer> {
    let mut weights = vec![hyper.weight.val()];
    weights.extend(context.iter().map(Param::val));
    let bias = hyper.bias.val();
    let exponents = exponents(&weights, &bias);
    let mut biases = std::iter::once(Some(&bias)).chain(std::iter::repeat(None));
    weights
        .iter()
        .map(|w| freeze_layer(w, biases.next().flatten(), &exponents))
        .collect()
}

fn freeze_layer(weight: &Tensor<4>, bias: Option<&Tensor<1>>, exponents: &Tensor<1>) -> IntLayer {
    let [outputs, inputs, side, _] = weight.dims();
    let each = inputs * side * side;
    let exponents: Vec<u8> = host(exponents).iter().map(|&e| e as u8).collect();
    let scaled = |value: f32, exponent: u32| f64::from(value) * f64::from(1u32 << exponent);
    let weights = host(weight)
        .iter()
        .enumerate()
        .map(|(i, &w)| scaled(w, u32::from(exponents[i / each])).round_ties_even())
        .map(|w| w.clamp(-127.0, 127.0) as i8)
        .collect();
    let bias: Vec<i32> = bias.map_or_else(Vec::new, |bias| {
        let with = |(&b, &e): (&f32, &u8)| {
            scaled(b, u32::from(e) + ACTIVATION_BITS).round_ties_even() as i32
        };
        host(bias).iter().zip(&exponents).map(with).collect()
    });
    let exponents = if bias.is_empty() {
        Vec::new()
    } else {
        exponents
    };
    IntLayer {
        inputs,
        outputs,
        side,
        weights,
        bias,
        exponents,
    }
}

/// The networks of [`freeze`] as training wants them, on `device`.
pub fn thaw(weights: &IntWeights, device: &Device) -> Shape {
    let conv = |layer: &IntLayer| QuantConv {
        weight: thaw_weights(layer, &layer.exponents, device),
        bias: thaw_bias(layer, device),
    };
    let context = weights.context.iter();
    let context = context.map(|layer| thaw_weights(layer, &weights.hyper.exponents, device));
    let mixtures = weights.mixtures.as_ref();
    let heads = weights.heads.iter().enumerate();
    let heads = heads.map(|(step, [mix, out])| ShapeHead {
        mix: conv(mix),
        out: conv(out),
        more: mixtures.and_then(|(_, layers)| layers.get(step)).map(conv),
    });
    Shape {
        up_32: conv(&weights.up_32),
        up_16: conv(&weights.up_16),
        hyper: conv(&weights.hyper),
        context: context.collect(),
        heads: heads.collect(),
        mixture: mixtures.map(|(config, _)| config.clone()),
    }
}

pub(super) fn thaw_weights(
    layer: &IntLayer,
    exponents: &[u8],
    device: &Device,
) -> Param<Tensor<4>> {
    let each = layer.inputs * layer.side * layer.side;
    let unit = |i: usize| f32::from(2u8).powi(-i32::from(exponents[i / each]));
    let weights = layer.weights.iter().enumerate();
    let values: Vec<f32> = weights.map(|(i, &w)| f32::from(w) * unit(i)).collect();
    let shape = [layer.outputs, layer.inputs, layer.side, layer.side];
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

pub(super) fn thaw_bias(layer: &IntLayer, device: &Device) -> Param<Tensor<1>> {
    let unit = |e: u8| f64::from(2u8).powi(-(i32::from(e) + ACTIVATION_BITS as i32));
    let bias = layer.bias.iter().zip(&layer.exponents);
    let values: Vec<f32> = bias
        .map(|(&b, &e)| (f64::from(b) * unit(e)) as f32)
        .collect();
    let shape = [layer.outputs];
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

fn host<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor
        .clone()
        .into_data()
        .try_to_vec()
        .expect("f32 by construction")
}

/// Reads and proves a file: weights and the tables of the hyper-latents.
pub fn parse(
    file: &[u8],
    config: &ShapeConfig,
    groups: &GroupsConfig,
) -> Result<(IntWeights, Tables), IntFileError> {
    let mut rest = Reader(file);
    if rest.take(4)? != MAGIC {
        return Err(IntFileError::Format("not an integer file"));
    }
    let ShapeConfig {
        z,
        hyper,
        stream,
        head,
        ref mixture,
    } = *config;
    let fault = mixture.as_ref().and_then(|m| m.fault(&groups.sizes));
    if let Some(fault) = fault {
        return Err(IntFileError::Mixture(fault));
    }
    let up_32 = rest.layer([z + 1, 4 * hyper], 1, true)?;
    let up_16 = rest.layer([hyper, 4 * hyper], 1, true)?;
    let writes = rest.layer([hyper, stream], 3, true)?;
    let context = groups
        .sizes
        .iter()
        .enumerate()
        .map(|(group, &c)| rest.layer([c, stream], groups.context_kernel(group), false))
        .collect::<Result<_, _>>()?;
    let (mut heads, mut mixtures) = (Vec::new(), Vec::new());
    for step in groups.init().steps() {
        let mix = rest.layer([stream, head], 1, true)?;
        heads.push([mix, rest.layer([head + 1, step.channels], 1, true)?]);
        if let Some(mixture) = mixture {
            let outputs = mixture.outputs(step.channels);
            mixtures.push(rest.layer([head + 1, outputs], 1, true)?);
        }
    }
    let specs = (0..LEVELS * z)
        .map(|_| rest.table())
        .collect::<Result<_, _>>()?;
    if !rest.0.is_empty() {
        return Err(IntFileError::Format("bytes behind its end"));
    }
    let weights = IntWeights {
        up_32,
        up_16,
        hyper: writes,
        context,
        heads,
        mixtures: mixture.clone().map(|config| (config, mixtures)),
    };
    weights.prove()?;
    Ok((weights, Tables::new(specs)?))
}

pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], IntFileError> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or(IntFileError::Format("cut short"))?;
        self.0 = tail;
        Ok(head)
    }

    pub fn layer(
        &mut self,
        [inputs, outputs]: [usize; 2],
        side: usize,
        own: bool,
    ) -> Result<IntLayer, IntFileError> {
        let weights = self.take(inputs * outputs * side * side)?;
        let weights = weights.iter().map(|&b| i8::from_le_bytes([b])).collect();
        let own = if own { outputs } else { 0 };
        let bias = self.take(4 * own)?.chunks_exact(4);
        let bias = bias
            .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let exponents = self.take(own)?.to_vec();
        Ok(IntLayer {
            inputs,
            outputs,
            side,
            weights,
            bias,
            exponents,
        })
    }

    fn table(&mut self) -> Result<TableSpec, IntFileError> {
        let head = self.take(6)?;
        let min = i32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let count = usize::from(u16::from_le_bytes([head[4], head[5]]));
        let freqs = self.take(2 * count)?.chunks_exact(2);
        let freqs = freqs
            .map(|f| u32::from(u16::from_le_bytes([f[0], f[1]])))
            .collect();
        Ok(TableSpec { min, freqs })
    }
}

impl IntWeights {
    /// Every exponent in range and no sum of u8 inputs at [`SUM_LIMIT`] or above.
    fn prove(&self) -> Result<(), IntFileError> {
        prove("up_32", &[&self.up_32])?;
        prove("up_16", &[&self.up_16])?;
        let stream: Vec<&IntLayer> = std::iter::once(&self.hyper).chain(&self.context).collect();
        prove("the stream", &stream)?;
        for (step, head) in self.heads.iter().enumerate() {
            prove(&format!("head {step}, layer 0"), &[&head[0]])?;
            prove(&format!("head {step}, layer 1"), &[&head[1]])?;
        }
        let mixtures = self.mixtures.iter().flat_map(|(_, layers)| layers);
        for (step, layer) in mixtures.enumerate() {
            prove(&format!("head {step}, mixtures"), &[layer])?;
        }
        Ok(())
    }
}

/// `layers` add to the same sums; the first has the bias and the exponents.
pub(super) fn prove(name: &str, layers: &[&IntLayer]) -> Result<(), IntFileError> {
    for (channel, (&bias, &exponent)) in layers[0].bias.iter().zip(&layers[0].exponents).enumerate()
    {
        if !(1..=MAX_EXPONENT as u8).contains(&exponent) {
            return Err(IntFileError::Exponent {
                layer: name.into(),
                exponent,
            });
        }
        let weights = layers.iter().flat_map(|layer| {
            let each = layer.inputs * layer.side * layer.side;
            &layer.weights[channel * each..(channel + 1) * each]
        });
        let reach: u64 = weights.map(|w| u64::from(w.unsigned_abs())).sum();
        let sum = reach * 255 + u64::from(bias.unsigned_abs());
        if sum >= u64::from(SUM_LIMIT) {
            return Err(IntFileError::Overflow {
                layer: name.into(),
                channel,
                sum,
            });
        }
    }
    Ok(())
}
