//! The machine's TPM as the device: it seals the master key, and gives it back to whoever reaches it,
//! as long as the registers that were chosen stay as they are.

use keyward_protocol::messages::SealParameters;

use super::{DataKey, Device, SealKind, device::master_key};
use crate::{
    Error, Result,
    config::TpmAddress,
    tpm::{MAX_PCR, Tpm},
};

/// The TPM at an address.
pub struct TpmDevice {
    address: TpmAddress,
    pcrs: Vec<u32>,
}

impl TpmDevice {
    /// The TPM, whatever its registers say.
    pub fn new(address: &TpmAddress) -> TpmDevice {
        TpmDevice { address: address.clone(), pcrs: Vec::new() }
    }

    /// The same, to seal for as long as these registers stay as they are.
    pub fn held_to(self, pcrs: &[u32]) -> Result<TpmDevice> {
        if let Some(unknown) = pcrs.iter().find(|pcr| **pcr > MAX_PCR) {
            return Err(Error::invalid(format!("a TPM has no register (PCR) {unknown}"))
                .hint(format!("the registers are 0 to {MAX_PCR}; 7 is secure boot's state")));
        }
        let mut pcrs = pcrs.to_vec();
        pcrs.sort_unstable();
        pcrs.dedup();
        Ok(TpmDevice { pcrs, ..self })
    }
}

impl Device for TpmDevice {
    const KIND: SealKind = SealKind::Tpm;

    fn describe(&self) -> String {
        format!("the TPM at {}", self.address)
    }

    fn wrap(&self, master_key: &DataKey) -> Result<SealParameters> {
        let sealed = Tpm::open(&self.address)?.seal(master_key.as_slice(), &self.pcrs)?;
        Ok(SealParameters { tpm: Some(sealed), ..SealParameters::default() })
    }

    fn unwrap(&self, parameters: &SealParameters) -> Result<DataKey> {
        let sealed = parameters.tpm.clone().unwrap_or_default();
        master_key(&Tpm::open(&self.address)?.unseal(&sealed)?)
    }
}
