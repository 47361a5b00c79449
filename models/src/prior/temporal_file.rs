//! The frozen integer half of a temporal prior as a file: BITSTREAM.md, *Predicted
//! frames of a standard model*.

use burn::module::Param;
use burn::tensor::{Device, Tensor};

use super::quantised::QuantConv;
use super::shape::ShapeHead;
use super::shape_file::{
    IntFileError, IntLayer, IntWeights, Reader, freeze_conv, freeze_stream, prove, put_layer,
    thaw_bias, thaw_weights,
};
use super::temporal::{MOTION_PLANES, TemporalConfig, TemporalShape};

/// First bytes of the file.
const MAGIC: [u8; 4] = *b"LICT";

/// Freezes the shape networks into the file.
pub fn freeze_temporal(shape: &TemporalShape) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    for layer in &freeze_stream(&shape.start, &shape.context) {
        put_layer(&mut file, layer);
    }
    for head in &shape.heads {
        put_layer(&mut file, &freeze_conv(&head.mix));
        put_layer(&mut file, &freeze_conv(&head.out));
    }
    file
}

/// Reads and proves a file. The layers of the hyper-latents, of which there are none, are
/// one channel of zeros.
pub fn parse_temporal(file: &[u8], config: &TemporalConfig) -> Result<IntWeights, IntFileError> {
    let mut rest = Reader(file);
    if rest.take(4)? != MAGIC {
        return Err(IntFileError::Format("not a file of a temporal prior"));
    }
    let (stream, inside) = (config.shape_stream, config.shape_head);
    let layout = config.groups.init();
    let hyper = rest.layer([layout.channels() + MOTION_PLANES, stream], 3, true)?;
    let contexts = config.groups.sizes.iter().enumerate();
    let context = contexts
        .map(|(group, &c)| rest.layer([c, stream], config.groups.context_kernel(group), false))
        .collect::<Result<Vec<_>, _>>()?;
    let heads = layout
        .steps()
        .iter()
        .map(|step| {
            let mix = rest.layer([stream, inside], 1, true)?;
            Ok([mix, rest.layer([inside + 1, step.channels], 1, true)?])
        })
        .collect::<Result<Vec<_>, IntFileError>>()?;
    if !rest.0.is_empty() {
        return Err(IntFileError::Format("bytes behind its end"));
    }
    let all: Vec<&IntLayer> = std::iter::once(&hyper).chain(&context).collect();
    prove("the stream", &all)?;
    for (step, head) in heads.iter().enumerate() {
        prove(&format!("head {step}, layer 0"), &[&head[0]])?;
        prove(&format!("head {step}, layer 1"), &[&head[1]])?;
    }
    let none = || IntLayer {
        inputs: 1,
        outputs: 4,
        side: 1,
        weights: vec![0; 4],
        bias: vec![0; 4],
        exponents: vec![1; 4],
    };
    Ok(IntWeights {
        up_32: none(),
        up_16: none(),
        hyper,
        context,
        heads,
        mixtures: None,
    })
}

/// The networks of [`freeze_temporal`] as training wants them, on `device`.
pub fn thaw_temporal(weights: &IntWeights, device: &Device) -> TemporalShape {
    let conv = |layer: &IntLayer| QuantConv {
        weight: thaw_weights(layer, &layer.exponents, device),
        bias: thaw_bias(layer, device),
    };
    let context = weights.context.iter();
    let context: Vec<Param<Tensor<4>>> = context
        .map(|layer| thaw_weights(layer, &weights.hyper.exponents, device))
        .collect();
    let heads = weights.heads.iter().map(|[mix, out]| ShapeHead {
        mix: conv(mix),
        out: conv(out),
        more: None,
    });
    TemporalShape {
        start: conv(&weights.hyper),
        context,
        heads: heads.collect(),
    }
}
