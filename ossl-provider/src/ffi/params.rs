//! Parameters that the core hands in: values to read, and questions to answer (OSSL_PARAM(3)).

use std::{borrow::Cow, ffi::CStr, marker::PhantomData};

use keyward_algorithms::Digest;
use keyward_protocol::{Error, Result};

use super::{bindings::OSSL_PARAM, dispatch::ParamType, guard::Scope};
use crate::failure::unsupported;

/// A list of parameters with values, in the order that the core gave.
#[derive(Clone, Copy)]
pub(crate) struct Params<'a> {
    first: *const OSSL_PARAM,
    _lent: PhantomData<&'a OSSL_PARAM>,
}

impl<'a> Params<'a> {
    /// # Safety
    /// `first` is null or leads to a list that ends with an entry without a key, whose values are
    /// as their types and sizes say and stay so for the lifetime.
    pub(crate) unsafe fn new(first: *const OSSL_PARAM) -> Params<'a> {
        Params { first, _lent: PhantomData }
    }

    /// The parameter of this name.
    pub(crate) fn get(self, name: &CStr) -> Option<Param<'a>> {
        self.iter().find(|param| param.name() == name)
    }

    /// The digest that the parameter of this name names.
    pub(crate) fn digest(self, name: &CStr) -> Result<Option<Digest>> {
        let Some(param) = self.get(name) else { return Ok(None) };
        let text = param.text()?;
        Digest::from_name(text).map(Some).ok_or_else(|| unsupported(format!("the digest {text}")))
    }

    fn iter(self) -> impl Iterator<Item = Param<'a>> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            // SAFETY: `new` was promised a list, and the end has not been passed.
            let param = unsafe { next.as_ref() }?;
            if param.key.is_null() {
                return None;
            }
            // SAFETY: an entry with a key is followed by another.
            next = unsafe { next.add(1) };
            Some(Param(param))
        })
    }
}

/// One parameter with a value.
#[derive(Clone, Copy)]
pub(crate) struct Param<'a>(&'a OSSL_PARAM);

impl<'a> Param<'a> {
    fn name(self) -> &'a CStr {
        // SAFETY: `Params::new` was promised that keys are C strings.
        unsafe { CStr::from_ptr(self.0.key) }
    }

    fn is(self, kind: ParamType) -> bool {
        self.0.data_type == kind as u32
    }

    fn wrong(self, what: &str) -> Error {
        Error::invalid(format!("parameter \"{}\" is no {what}", self.name().to_string_lossy()))
    }

    fn data(self) -> &'a [u8] {
        // SAFETY: `Params::new` was promised that the value is as long as it says.
        unsafe { super::handle::bytes(self.0.data.cast(), self.0.data_size) }
    }

    /// Whether the value is text and not a number.
    pub(crate) fn is_text(self) -> bool {
        self.is(ParamType::Utf8) || self.is(ParamType::Utf8Pointer)
    }

    /// The value as text.
    pub(crate) fn text(self) -> Result<&'a str> {
        let bytes = if self.is(ParamType::Utf8Pointer) {
            let pointer: *const *const std::ffi::c_char = self.0.data.cast_const().cast();
            // SAFETY: the value of this type is a pointer (OSSL_PARAM(3)).
            let text = unsafe { pointer.as_ref() }.ok_or_else(|| self.wrong("text"))?;
            // SAFETY: it leads to a C string, unless it is null, which the filter sees.
            let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(*text) });
            text.ok_or_else(|| self.wrong("text"))?.to_bytes()
        } else if self.is(ParamType::Utf8) {
            let data = self.data();
            // The size may count the final NUL or not.
            data.split(|byte| *byte == 0).next().unwrap_or_default()
        } else {
            return Err(self.wrong("text"));
        };
        std::str::from_utf8(bytes).map_err(|_| self.wrong("text"))
    }

    /// The value as bytes.
    pub(crate) fn octets(self) -> Result<&'a [u8]> {
        if self.is(ParamType::OctetsPointer) {
            let pointer: *const *const u8 = self.0.data.cast_const().cast();
            // SAFETY: the value of this type is a pointer (OSSL_PARAM(3)).
            let bytes = unsafe { pointer.as_ref() }.ok_or_else(|| self.wrong("byte string"))?;
            // SAFETY: it leads to as many bytes as the parameter says, or is null.
            return Ok(unsafe { super::handle::bytes(*bytes, self.0.data_size) });
        }
        if self.is(ParamType::Octets) { Ok(self.data()) } else { Err(self.wrong("byte string")) }
    }

    /// The value as a number.
    pub(crate) fn integer(self) -> Result<i64> {
        let signed = self.is(ParamType::Integer);
        if !signed && !self.is(ParamType::Unsigned) {
            return Err(self.wrong("number"));
        }
        let mut bytes = self.data().to_vec();
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        let negative = signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let filling = if negative { 0xff } else { 0 };
        if bytes.len() > 8 && bytes[8..].iter().any(|byte| *byte != filling) {
            return Err(self.wrong("number of at most 64 bits"));
        }
        bytes.resize(8, filling);
        let value = i64::from_le_bytes(bytes.try_into().map_err(|_| self.wrong("number"))?);
        if !negative && value < 0 {
            return Err(self.wrong("number of at most 63 bits"));
        }
        Ok(value)
    }

    /// The value as a non-negative number of any size: big-endian, without leading zeros.
    pub(crate) fn big_unsigned(self) -> Result<Vec<u8>> {
        if !self.is(ParamType::Unsigned) {
            return Err(self.wrong("unsigned number"));
        }
        let mut bytes = self.data().to_vec();
        if cfg!(target_endian = "little") {
            bytes.reverse();
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(bytes.split_off(zeros))
    }
}

/// A list of parameters that the core wants to know the values of.
pub(crate) struct Questions<'a> {
    first: *mut OSSL_PARAM,
    _lent: PhantomData<&'a mut OSSL_PARAM>,
}

/// The answer to one question.
pub(crate) enum Answer<'a> {
    Integer(i64),
    Text(Cow<'a, str>),
    /// Text that lives as long as the module, for those who ask for a pointer.
    StaticText(&'static CStr),
    /// Who asks for a pointer gets one to what is borrowed.
    Octets(Cow<'a, [u8]>),
    /// Bytes of which a caller may want the first alone, but not fewer than so many.
    Prefix {
        bytes: &'a [u8],
        at_least: usize,
    },
    /// A non-negative number of any size, big-endian.
    BigUnsigned(Cow<'a, [u8]>),
}

impl From<Digest> for Answer<'_> {
    /// OpenSSL's name of a digest.
    fn from(digest: Digest) -> Self {
        Answer::Text(digest.row().openssl[0].into())
    }
}

impl<'a> Questions<'a> {
    /// # Safety
    /// `first` is null or leads to a list that ends with an entry without a key, whose values have
    /// room for as much as their sizes say and belong to us for the lifetime.
    pub(crate) unsafe fn new(first: *mut OSSL_PARAM) -> Questions<'a> {
        Questions { first, _lent: PhantomData }
    }

    /// Answers every question that `answer` knows an answer to. It is told the name, and whether
    /// the answer has to be text.
    pub(crate) fn answer_each<'v>(
        &mut self,
        mut answer: impl FnMut(&CStr, bool) -> Result<Option<Answer<'v>>>,
    ) -> Result<()> {
        let mut next = self.first;
        // SAFETY: `new` was promised a list of our own, and the end has not been passed.
        while let Some(param) = unsafe { next.as_mut() } {
            if param.key.is_null() {
                break;
            }
            // SAFETY: `new` was promised that keys are C strings.
            let name = unsafe { CStr::from_ptr(param.key) };
            let wants_text = param.data_type == ParamType::Utf8 as u32
                || param.data_type == ParamType::Utf8Pointer as u32;
            if let Some(value) = answer(name, wants_text)? {
                set(param, &value)?;
            }
            // SAFETY: an entry with a key is followed by another.
            next = unsafe { next.add(1) };
        }
        Ok(())
    }
}

fn set(param: &mut OSSL_PARAM, value: &Answer<'_>) -> Result<()> {
    let kind = param.data_type;
    let is = |wanted: ParamType| kind == wanted as u32;
    match value {
        Answer::Integer(number) if is(ParamType::Integer) || is(ParamType::Unsigned) => {
            set_integer(param, *number)
        }
        Answer::Text(text) if is(ParamType::Utf8) => set_text(param, text.as_bytes()),
        Answer::StaticText(text) if is(ParamType::Utf8) => set_text(param, text.to_bytes()),
        Answer::StaticText(text) if is(ParamType::Utf8Pointer) => {
            param.return_size = text.count_bytes();
            let place: *mut *const std::ffi::c_char = param.data.cast();
            // SAFETY: the value of this type is a pointer, and the text outlives the provider.
            if let Some(place) = unsafe { place.as_mut() } {
                *place = text.as_ptr();
            }
            Ok(())
        }
        Answer::Octets(bytes) if is(ParamType::Octets) => set_bytes(param, bytes),
        Answer::Octets(Cow::Borrowed(bytes)) if is(ParamType::OctetsPointer) => {
            param.return_size = bytes.len();
            let place: *mut *const u8 = param.data.cast();
            // SAFETY: the value of this type is a pointer (OSSL_PARAM(3)).
            if let Some(place) = unsafe { place.as_mut() } {
                *place = if bytes.is_empty() { std::ptr::null() } else { bytes.as_ptr() };
            }
            Ok(())
        }
        Answer::Prefix { bytes, at_least } if is(ParamType::Octets) => {
            let wanted = if param.data.is_null() { bytes.len() } else { param.data_size };
            let first = &bytes[..wanted.min(bytes.len())];
            if first.len() < *at_least {
                return Err(Error::invalid(format!("there are no {at_least} bytes to give")));
            }
            set_bytes(param, first)
        }
        Answer::BigUnsigned(number) if is(ParamType::Unsigned) || is(ParamType::Integer) => {
            // Where there may be a sign, it must not seem to be set.
            let sign = is(ParamType::Integer) && number.first().is_some_and(|byte| *byte > 0x7f);
            let least = number.len().max(1) + usize::from(sign);
            let size = least.max(if param.data.is_null() { 0 } else { param.data_size });
            let mut bytes = vec![0; size];
            bytes[size - number.len()..].copy_from_slice(number);
            if cfg!(target_endian = "little") {
                bytes.reverse();
            }
            set_bytes(param, &bytes)
        }
        _ => {
            // SAFETY: the caller has read the key as a C string already.
            let name = unsafe { CStr::from_ptr(param.key) };
            Err(Error::invalid(format!("parameter {name:?} is asked for with a wrong type")))
        }
    }
}

fn set_integer(param: &mut OSSL_PARAM, number: i64) -> Result<()> {
    let size = if param.data.is_null() || param.data_size == 0 { 8 } else { param.data_size };
    let filling = if number < 0 { 0xff } else { 0 };
    let mut bytes = number.to_le_bytes().to_vec();
    let (kept, rest) = bytes.split_at(size.min(8));
    let reads_back = match param.data_type == ParamType::Integer as u32 {
        true => kept.last().is_some_and(|byte| (byte & 0x80 != 0) == (number < 0)),
        false => number >= 0,
    };
    if !reads_back || rest.iter().any(|byte| *byte != filling) {
        return Err(Error::invalid(format!("{number} does not fit into {size} bytes")));
    }
    bytes.resize(size, filling);
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
    set_bytes(param, &bytes)
}

/// Text is written with its NUL where there is room for one, as OSSL_PARAM_set_utf8_string does.
fn set_text(param: &mut OSSL_PARAM, text: &[u8]) -> Result<()> {
    if param.data_size > text.len() {
        let with_nul = [text, &[0]].concat();
        set_bytes(param, &with_nul)?;
        param.return_size = text.len();
        return Ok(());
    }
    set_bytes(param, text)
}

fn set_bytes(param: &mut OSSL_PARAM, bytes: &[u8]) -> Result<()> {
    param.return_size = bytes.len();
    if param.data.is_null() {
        return Ok(());
    }
    if param.data_size < bytes.len() {
        return Err(Error::invalid(format!(
            "the buffer for a parameter has {} bytes, {} are needed",
            param.data_size,
            bytes.len()
        )));
    }
    // SAFETY: `Questions::new` was promised room for `data_size` bytes, which was just compared.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), param.data.cast(), bytes.len()) };
    Ok(())
}

/// What the core sets parameters of.
pub(crate) trait Settable: Scope {
    fn set_params(&mut self, params: Params<'_>) -> Result<()>;
}

/// What the core asks for parameters.
pub(crate) trait Gettable: Scope {
    fn get_params(&self, questions: Questions<'_>) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::{
        builder::ParamList,
        dispatch::{END_OF_PARAMS, descriptor},
        names,
    };

    #[test]
    fn what_is_built_reads_back() {
        let mut list = ParamList::new();
        list.integer(names::BITS, -5);
        list.text(names::GROUP, c"prime256v1");
        list.octets(names::PUB, &[4, 1, 2]);
        list.big_unsigned(names::RSA_N, &[1, 0, 0]);
        list.with(|first| {
            // SAFETY: the list lives until this closure ends.
            let params = unsafe { Params::new(first) };
            assert_eq!(params.get(names::BITS).unwrap().integer().unwrap(), -5);
            assert_eq!(params.get(names::GROUP).unwrap().text().unwrap(), "prime256v1");
            assert_eq!(params.get(names::PUB).unwrap().octets().unwrap(), [4, 1, 2]);
            assert_eq!(params.get(names::RSA_N).unwrap().big_unsigned().unwrap(), [1, 0, 0]);
            assert!(params.get(names::RSA_E).is_none());
            assert!(params.get(names::PUB).unwrap().integer().is_err());
        });
    }

    #[test]
    fn answers_fit_or_say_what_they_need() {
        let mut buffer = [0_u8; 4];
        let mut question = descriptor(names::PUB, ParamType::Octets);
        question.data = buffer.as_mut_ptr().cast();
        question.data_size = buffer.len();
        let mut list = [question, END_OF_PARAMS];
        let mut ask = |bytes: &'static [u8]| {
            // SAFETY: the list is ended, and its buffer is as large as it says.
            let mut questions = unsafe { Questions::new(list.as_mut_ptr()) };
            let result = questions.answer_each(|_, _| Ok(Some(Answer::Octets(bytes.into()))));
            (result.is_ok(), list[0].return_size)
        };
        assert_eq!(ask(&[1, 2, 3]), (true, 3));
        assert_eq!(ask(&[1, 2, 3, 4, 5]), (false, 5));
        assert_eq!(buffer, [1, 2, 3, 0]);
    }

    /// Whether a parameter takes an answer, and the bytes of its buffer then.
    fn answered<const SIZE: usize>(kind: ParamType, value: Answer<'_>) -> (bool, [u8; SIZE]) {
        let mut buffer = [0_u8; SIZE];
        let mut question = descriptor(names::PUB, kind);
        question.data = buffer.as_mut_ptr().cast();
        question.data_size = SIZE;
        let taken = set(&mut question, &value).is_ok();
        (taken, buffer)
    }

    #[test]
    fn numbers_are_written_only_where_they_read_back() {
        use ParamType::{Integer, Unsigned};
        let number = |kind, value| answered::<4>(kind, Answer::Integer(value));
        assert_eq!(number(Integer, -1), (true, (-1_i32).to_ne_bytes()));
        assert_eq!(number(Integer, i64::from(i32::MAX)), (true, i32::MAX.to_ne_bytes()));
        assert_eq!(number(Unsigned, i64::from(u32::MAX)), (true, u32::MAX.to_ne_bytes()));
        assert!(!number(Integer, i64::from(u32::MAX)).0);
        assert!(!number(Integer, i64::from(i32::MIN) - 1).0);
        assert!(!number(Unsigned, -1).0);
        let wide = answered::<16>(Integer, Answer::Integer(-2));
        assert_eq!(wide, (true, (-2_i128).to_ne_bytes()));
    }

    #[test]
    fn large_numbers_do_not_turn_negative() {
        use ParamType::{Integer, Unsigned};
        let number = || Answer::BigUnsigned((&[0xff][..]).into());
        assert_eq!(answered::<1>(Unsigned, number()), (true, [0xff]));
        assert!(!answered::<1>(Integer, number()).0);
        assert_eq!(answered::<2>(Integer, number()), (true, 255_i16.to_ne_bytes()));
    }

    #[test]
    fn a_tag_is_given_in_part_but_not_too_small_a_part() {
        let bytes = &[1, 2, 3, 4, 5, 6];
        let tag = Answer::Prefix { bytes, at_least: 4 };
        assert_eq!(answered(ParamType::Octets, tag), (true, [1, 2, 3, 4]));
        let tag = Answer::Prefix { bytes, at_least: 5 };
        assert_eq!(answered(ParamType::Octets, tag), (false, [0; 4]));
        let none = Answer::Prefix { bytes: &[], at_least: 4 };
        assert_eq!(answered(ParamType::Octets, none), (false, [0; 4]));
    }
}
