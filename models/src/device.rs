//! Where networks run.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A backend, by the name that `--device` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// Our own kernels on the CPU; always there, and the fastest one to code with.
    /// Training on it is training on `Flex`.
    #[default]
    Cpu,
    /// Burn in pure Rust on the CPU; always there.
    Flex,
    /// libtorch on the CPU (feature `tch`).
    Libtorch,
    /// libtorch on an NVIDIA GPU (feature `tch`, and a libtorch with CUDA when it runs).
    LibtorchCuda,
    /// An NVIDIA GPU (feature `cuda`).
    Cuda,
    /// A GPU through Vulkan (feature `vulkan`).
    Vulkan,
}

/// Why a backend cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No backend has the name.
    #[error("no device {0:?}; there are cpu, flex, libtorch, libtorch-cuda, cuda and vulkan")]
    Unknown(String),
    /// This program was built without it.
    #[error("this build has no {backend}; build with `--features {feature}`")]
    NotBuilt {
        /// The backend.
        backend: Backend,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
    /// The machine lacks its driver.
    #[error("{backend}: {library} cannot be loaded; is the driver installed?")]
    NoDriver {
        /// The backend.
        backend: Backend,
        /// The library that is missing.
        library: &'static str,
    },
}

impl Backend {
    /// All backends.
    pub const ALL: [Self; 6] = [
        Self::Cpu,
        Self::Flex,
        Self::Libtorch,
        Self::LibtorchCuda,
        Self::Cuda,
        Self::Vulkan,
    ];

    /// The name that `--device` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Flex => "flex",
            Self::Libtorch => "libtorch",
            Self::LibtorchCuda => "libtorch-cuda",
            Self::Cuda => "cuda",
            Self::Vulkan => "vulkan",
        }
    }

    /// The device, ready to use.
    ///
    /// # Errors
    /// If the build or the machine has no such device.
    pub fn open(self) -> Result<Device, BackendError> {
        match self {
            Self::Cpu | Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "tch")]
            Self::Libtorch => Ok(libtorch()),
            #[cfg(not(feature = "tch"))]
            Self::Libtorch => Err(BackendError::NotBuilt {
                backend: self,
                feature: "tch",
            }),
            #[cfg(feature = "tch")]
            Self::LibtorchCuda => libtorch_cuda(),
            #[cfg(not(feature = "tch"))]
            Self::LibtorchCuda => Err(BackendError::NotBuilt {
                backend: self,
                feature: "tch",
            }),
            #[cfg(feature = "cuda")]
            Self::Cuda => cuda(),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(BackendError::NotBuilt {
                backend: self,
                feature: "cuda",
            }),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(not(feature = "vulkan"))]
            Self::Vulkan => Err(BackendError::NotBuilt {
                backend: self,
                feature: "vulkan",
            }),
        }
    }
}

/// Burn 0.22 deprecates libtorch, 0.23 drops it; on the CPUs we train on it is 1.4
/// times as fast as flex, which is why 0.22 is pinned.
#[cfg(feature = "tch")]
#[expect(deprecated)]
fn libtorch() -> Device {
    Device::libtorch()
}

#[cfg(feature = "tch")]
#[expect(deprecated)]
fn libtorch_cuda() -> Result<Device, BackendError> {
    find_driver(Backend::LibtorchCuda)?;
    Ok(Device::libtorch_cuda(0_usize))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, BackendError> {
    find_driver(Backend::Cuda)?;
    Ok(Device::cuda(0_usize))
}

/// cudarc panics where there is no driver, and libtorch throws, so it is looked for first.
#[cfg(any(feature = "cuda", feature = "tch"))]
fn find_driver(backend: Backend) -> Result<(), BackendError> {
    let library = "libcuda.so.1";
    let places = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/lib/wsl/lib",
        "/usr/local/nvidia/lib64",
        "/usr/local/nvidia/lib",
    ];
    let listed = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders = places
        .into_iter()
        .chain(listed.split(':').filter(|p| !p.is_empty()));
    if folders.any(|folder| std::path::Path::new(folder).join(library).exists()) {
        Ok(())
    } else {
        Err(BackendError::NoDriver { backend, library })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| BackendError::Unknown(name.to_owned()))
    }
}
