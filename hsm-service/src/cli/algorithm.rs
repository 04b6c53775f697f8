//! The signature algorithm of a command: what was asked for, or what suits the key.

use std::io::{self, Read};

use clap::Args;
use keyward_algorithms::{Digest, ErrorKind, Scheme, Signature, pss_algorithm_identifier};
use keyward_client::Client;
use keyward_crypto::{Hash, Mu, PublicKey};
use keyward_protocol::{Error, Key, PssParameters, SignRequest, constants::MAX_MESSAGE_BYTES};

use super::arguments;

/// The flags that choose a signature algorithm.
#[derive(Args, Debug, Default)]
pub(crate) struct AlgorithmArgs {
    /// Signature algorithm, by Keyward's or Java's name [default: what suits the key]
    #[arg(long, value_name = "NAME", value_parser = arguments::signature)]
    algorithm: Option<&'static Signature>,
    /// RSA-PSS: digest of the mask generation function [default: that of the message]
    #[arg(long, value_name = "DIGEST", value_parser = arguments::digest)]
    mgf1: Option<Digest>,
    /// RSA-PSS: length of the salt [default: that of the digest]
    #[arg(long, value_name = "BYTES")]
    salt: Option<usize>,
}

/// A signature algorithm with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    /// The algorithm.
    pub(crate) algorithm: &'static Signature,
    /// The choices of RSASSA-PSS; `None` for every other scheme.
    pub(crate) pss: Option<PssParameters>,
    /// What goes into the digest that ML-DSA signs; `None` for every other scheme.
    mu: Option<MuParameters<'a>>,
}

/// What ML-DSA signs besides the message.
#[derive(Clone, Copy, Debug)]
struct MuParameters<'a> {
    spki: &'a [u8],
    context: &'a [u8],
}

impl AlgorithmArgs {
    /// The algorithm for a key. An RSA-PSS key that is bound to parameters gets those.
    pub(crate) fn choose<'a>(&self, key: &'a Key) -> Result<Choice<'a>, Error> {
        let bound =
            PublicKey::from_spki(&key.spki).ok().and_then(|public| public.pss_restriction());
        let suitable = match bound {
            Some(bound) => Signature::find(Scheme::RsaPss, Some(bound.digest)),
            None => key.key_type.default_signature(),
        };
        let algorithm = self.algorithm.or(suitable).ok_or_else(|| {
            let message =
                format!("key \"{}\" is of type {}, which does not sign", key.name, key.key_type);
            Error::new(ErrorKind::Unsupported, message)
        })?;
        if !algorithm.suits(key.key_type.family()) {
            let message = format!(
                "key \"{}\" is of type {}, which does not make {} signatures",
                key.name, key.key_type, algorithm.name
            );
            let names: Vec<&str> = Signature::all()
                .iter()
                .filter(|row| row.suits(key.key_type.family()))
                .map(|row| row.name)
                .collect();
            let hint = format!("such keys make {}", names.join(", "));
            return Err(Error::new(ErrorKind::Unsupported, message).hint(hint));
        }
        let pss = match (algorithm.scheme, algorithm.digest) {
            (Scheme::RsaPss, Some(digest)) => {
                let bound = bound.filter(|bound| bound.digest == digest);
                let least = bound.map_or(0, |bound| bound.min_salt_bytes);
                Some(PssParameters {
                    mgf1: self.mgf1.or(bound.map(|bound| bound.mgf1)).unwrap_or(digest),
                    salt_bytes: Some(self.salt.unwrap_or(digest.size().max(least))),
                })
            }
            _ if self.mgf1.is_some() || self.salt.is_some() => {
                return Err(Error::invalid(format!("{} takes no PSS parameters", algorithm.name))
                    .hint("leave out --mgf1 and --salt, or choose an rsa-pss algorithm"));
            }
            _ => None,
        };
        let mu = algorithm.over_mu().map(|_| MuParameters { spki: &key.spki, context: b"" });
        Ok(Choice { algorithm, pss, mu })
    }

    /// The algorithm to verify with: without `--salt`, the signature says how long its salt is.
    pub(crate) fn choose_to_verify<'a>(&self, key: &'a Key) -> Result<Choice<'a>, Error> {
        let mut choice = self.choose(key)?;
        if let Some(pss) = &mut choice.pss {
            pss.salt_bytes = self.salt;
        }
        Ok(choice)
    }
}

impl<'a> Choice<'a> {
    /// An algorithm that has no choices.
    pub(crate) fn plain(algorithm: &'static Signature) -> Choice<'a> {
        Choice { algorithm, pss: None, mu: None }
    }

    /// The same algorithm with a context string, which ML-DSA alone has.
    pub(crate) fn in_context(self, context: &'a [u8]) -> Result<Choice<'a>, Error> {
        match self.mu {
            Some(mu) => Ok(Choice { mu: Some(MuParameters { context, ..mu }), ..self }),
            None if context.is_empty() => Ok(self),
            None => Err(Error::invalid(format!("{} takes no context string", self.algorithm.name))
                .hint("leave out --context, or sign with an ml-dsa key")),
        }
    }

    /// What is sent to be signed: the digest of what the source gives, or all of it where the
    /// algorithm takes the message or names no digest.
    pub(crate) fn input(&self, source: &mut dyn Read) -> io::Result<Vec<u8>> {
        if let Some(mu) = self.mu {
            let mut context = Mu::new(mu.spki, mu.context).map_err(io::Error::other)?;
            in_pieces(source, |piece| context.update(piece).map_err(io::Error::other))?;
            return Ok(context.finish().map_err(io::Error::other)?.to_vec());
        }
        let Some(digest) = self.algorithm.digest else {
            let mut message = Vec::new();
            source.take(MAX_MESSAGE_BYTES as u64 + 1).read_to_end(&mut message)?;
            if message.len() > MAX_MESSAGE_BYTES {
                let text = format!(
                    "{} signs the whole message, which may have {MAX_MESSAGE_BYTES} bytes at most",
                    self.algorithm.name
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            return Ok(message);
        };
        let mut context = Hash::new(digest);
        in_pieces(source, |piece| {
            context.update(piece);
            Ok(())
        })?;
        Ok(context.finish().as_ref().to_vec())
    }

    /// The request to sign or verify an input.
    pub(crate) fn request<'b>(&self, input: &'b [u8]) -> SignRequest<'b> {
        let over_mu = self.mu.and_then(|_| self.algorithm.over_mu());
        SignRequest {
            algorithm: over_mu.unwrap_or(self.algorithm),
            pss: self.pss,
            deterministic: false,
            input,
        }
    }

    /// Signs a message with a key in the service.
    pub(crate) fn sign(
        &self,
        client: &Client,
        key: &Key,
        message: &[u8],
    ) -> Result<Vec<u8>, Error> {
        client.sign(&key.id, &self.request(&self.digest_of(message)?))
    }

    /// [`Choice::input`] of a message in memory.
    pub(crate) fn digest_of(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.input(&mut &message[..]).map_err(|error| Error::invalid(error.to_string()))
    }

    /// The DER AlgorithmIdentifier that a certificate signed so carries.
    pub(crate) fn identifier(&self) -> Result<Vec<u8>, Error> {
        let identifier = match (self.algorithm.digest, self.pss) {
            (Some(digest), Some(PssParameters { mgf1, salt_bytes: Some(salt) })) => {
                Some(pss_algorithm_identifier(digest, mgf1, salt))
            }
            _ => self.algorithm.algorithm_identifier(),
        };
        identifier.ok_or_else(|| {
            let message = format!("certificates cannot be signed with {}", self.algorithm.name);
            Error::new(ErrorKind::Unsupported, message)
                .hint("choose an algorithm with a digest, such as rsa-pkcs1-sha256")
        })
    }
}

/// Reads a source to its end.
fn in_pieces(
    source: &mut dyn Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
