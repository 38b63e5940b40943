//! Calling into libraries that are already loaded; see this folder's README
//! for why it is sound.

mod function;
mod library;

pub(crate) use function::{
    FillText, FillTextSized, Foreign, GetInt, GetLong, GetText, ListText, NameOf, SetInt, SetLong,
    SwapInt, TakeText, ThreeInts,
};
pub(crate) use library::{Library, Object};
