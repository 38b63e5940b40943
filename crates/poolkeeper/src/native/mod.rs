//! Calling into libraries that are already loaded; see this folder's README
//! for why it is sound.

mod function;
mod object;
mod variable;

pub(crate) use function::{
    AskOf, AssignObject, FillInts, FillText, FillTextSized, FirstInt, Foreign, GetInt, GetLong,
    GetText, ListText, MakeObject, NameOf, SetFiveLongs, SetInt, SetLong, SizeOf, StoreInt,
    SwapInt, TakeObject, TakeText, ThreeInts,
};
pub(crate) use object::Object;
pub(crate) use variable::IntVariable;
