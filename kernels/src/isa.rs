/// The instructions that products use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// The best that this machine has.
    pub fn best() -> Self {
        *Self::all()
            .last()
            .expect("every machine has the portable one")
    }

    /// Those that this machine has, slowest first.
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut, reason = "some machines have one")]
        let mut all = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 {
                all.push(Self(Kind::Avx2));
            }
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if avx2 && avx512 {
                all.push(Self(Kind::Avx512));
                if is_x86_feature_detected!("avx512bf16") {
                    all.push(Self(Kind::Avx512Bf16));
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            all.push(Self(Kind::Neon));
        }
        all
    }

    /// What the compiler makes of plain Rust.
    pub fn portable() -> Self {
        Self(Kind::Portable)
    }

    /// Whether products of [`Bf16`](crate::Bf16) are faster than those of `f32`.
    pub fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == Kind::Avx512Bf16 && is_amd();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Whether products of [`Byte`](crate::Byte) are faster than all others.
    pub fn has_bytes(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self.0, Kind::Avx512 | Kind::Avx512Bf16);
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

/// AMD's processors multiply pairs of bfloat16 as often as they multiply `f32`, Intel's half
/// as often: `lic bench --profile` measured 95 against 53 GMAC/s on an EPYC, 53 against 82 on
/// a Xeon with AMX.
#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    let id = std::arch::x86_64::__cpuid(0);
    [id.ebx, id.edx, id.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
}
