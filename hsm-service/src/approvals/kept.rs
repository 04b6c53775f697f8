//! An approval as messages: for the store, and for those who may see it.

use keyward_algorithms::{Operation, Role};
use keyward_protocol::{
    ApprovalId, KeyId,
    messages::{self, ApprovalState, KeptApproval, ProvedIdentity},
};
use prost::Message;

use super::approval::{Approval, Ask, AskedKey, Decision, Terms, Uses};
use crate::identity::Identity;

impl Approval {
    /// As others see it at a time.
    pub(crate) fn shown(&self, now: u64) -> messages::Approval {
        let Approval { id, ask, terms, digest, decisions, .. } = self;
        let key = ask.key.as_ref();
        messages::Approval {
            id: ApprovalId::to_wire(Some(*id)),
            state: self.state(now).into(),
            operation: ask.operation.code(),
            user: ask.user.clone(),
            identity: ask.identity.clone(),
            key_id: key.map(|key| key.id.as_bytes().to_vec()).unwrap_or_default(),
            key: key.map(|key| key.name.clone()).unwrap_or_default(),
            key_version: key.map_or(0, |key| key.version),
            facts: ask.facts.clone(),
            digest: digest.clone(),
            needed: terms.needed,
            approvers: terms.approvers.clone(),
            asked: terms.asked,
            expires: terms.expires,
            decisions: decisions.iter().map(shown).collect(),
            uses_left: self.uses.left,
            uses_end: self.uses.end,
        }
    }

    /// As the store keeps it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let approval = messages::Approval { state: self.stage.into(), ..self.shown(0) };
        let kept = KeptApproval {
            approval: Some(approval),
            salt: self.salt.to_vec(),
            deciders: self.decisions.iter().map(|decision| proved(&decision.identity)).collect(),
            closed: self.closed,
            answer: self.answer.clone(),
        };
        kept.encode_to_vec()
    }

    /// Reads what [`encode`](Approval::encode) wrote.
    pub(super) fn decode(bytes: &[u8]) -> Option<Approval> {
        let KeptApproval { approval, salt, deciders, closed, answer } =
            KeptApproval::decode(bytes).ok()?;
        let shown = approval?;
        let decisions = shown.decisions.iter().zip(deciders).map(|(said, who)| {
            let (user, approves, time) = (said.user.clone(), said.approves, said.time);
            Some(Decision { user, identity: identity(who)?, approves, time })
        });
        let key = match shown.key_id.is_empty() {
            true => None,
            false => Some(AskedKey {
                id: KeyId::try_from(shown.key_id.as_slice()).ok()?,
                name: shown.key.clone(),
                version: shown.key_version,
            }),
        };
        Some(Approval {
            id: ApprovalId::from_wire(shown.id)?,
            decisions: decisions.collect::<Option<_>>()?,
            stage: ApprovalState::try_from(shown.state).ok()?,
            uses: Uses { left: shown.uses_left, end: shown.uses_end },
            ask: Ask {
                operation: Operation::from_code(shown.operation)?,
                user: shown.user,
                identity: shown.identity,
                key,
                facts: shown.facts,
            },
            terms: Terms {
                needed: shown.needed,
                approvers: shown.approvers,
                asked: shown.asked,
                expires: shown.expires,
            },
            salt: salt.try_into().ok()?,
            digest: shown.digest,
            closed,
            answer,
        })
    }
}

fn shown(decision: &Decision) -> messages::Decision {
    messages::Decision {
        user: decision.user.clone(),
        identity: decision.identity.to_string(),
        approves: decision.approves,
        time: decision.time,
    }
}

fn proved(identity: &Identity) -> ProvedIdentity {
    match identity.clone() {
        Identity::Process { uid, gids } => ProvedIdentity { uid, gids, ..Default::default() },
        Identity::Certificate { user, roles, serial, authority } => ProvedIdentity {
            certificate: user,
            roles: roles.iter().map(|role| role.code()).collect(),
            serial,
            authority,
            ..Default::default()
        },
    }
}

fn identity(proved: ProvedIdentity) -> Option<Identity> {
    let ProvedIdentity { uid, gids, certificate, roles, serial, authority } = proved;
    if certificate.is_empty() {
        return Some(Identity::Process { uid, gids });
    }
    let roles = roles.into_iter().map(Role::from_code).collect::<Option<_>>()?;
    Some(Identity::Certificate { user: certificate, roles, serial, authority })
}
