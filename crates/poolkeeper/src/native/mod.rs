//! Calling into libraries that are already loaded; see this folder's README
//! for why it is sound.

mod function;
mod object;
mod variable;

pub(crate) use function::{
    FillInts, FillText, FillTextSized, Foreign, GetInt, GetLong, GetText, ListText, NameOf,
    SetFiveLongs, SetInt, SetLong, StoreInt, SwapInt, TakeText, ThreeInts,
};
pub(crate) use object::Object;
pub(crate) use variable::IntVariable;
