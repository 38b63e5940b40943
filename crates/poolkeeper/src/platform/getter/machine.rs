//! The state of a small function that is followed: its registers and its stack, and
//! what its instructions work on.

use crate::platform::object_memory::Pages;
use std::collections::HashMap;

/// Where the first argument points, and the stack: addresses that no process has.
const ARGUMENT: u64 = 0x9000_0000_0000_0000;
const STACK: u64 = 0xa000_0000_0000_0000;

pub(super) const RAX: usize = 0;
const RSP: usize = 4;
const RDI: usize = 7;
/// Registers that a called function may change.
const CHANGED_BY_CALLS: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

/// A function on its way.
pub(super) struct Machine<'a> {
    pages: &'a Pages,
    pub(super) at: u64,
    thread: Option<u64>,
    pub(super) registers: [Option<u64>; 16],
    /// What was compared last, as signed numbers; `None` where it isn't known.
    pub(super) compared: Option<(i64, i64)>,
    stack: HashMap<u64, Option<u64>>,
    pub(super) stored: Option<u32>,
}

/// What stands before an instruction.
#[derive(Clone, Copy, Default)]
pub(super) struct Prefix {
    pub(super) is_of_thread: bool,
    pub(super) rex: u8,
}

impl Prefix {
    pub(super) fn is_wide(self) -> bool {
        self.rex & 8 != 0
    }

    pub(super) fn extended(self, bit: u8, register: u8) -> usize {
        usize::from(register & 7) | if self.rex & bit != 0 { 8 } else { 0 }
    }
}

/// What an instruction works on.
#[derive(Clone, Copy)]
pub(super) enum Operand {
    Register(usize),
    /// An address, where it is known.
    Memory(Option<u64>),
}

/// The two operands of most instructions.
pub(super) struct Pair {
    /// The register, or the number that says which instruction it is.
    pub(super) register: usize,
    pub(super) other: Operand,
}

impl<'a> Machine<'a> {
    /// At a function's first instruction; `thread` is where the thread's own variables
    /// are.
    pub(super) fn new(pages: &'a Pages, address: usize, thread: Option<usize>) -> Self {
        let mut registers = [None; 16];
        registers[RDI] = Some(ARGUMENT);
        registers[RSP] = Some(STACK);
        Machine {
            pages,
            at: address as u64,
            thread: thread.map(|thread| thread as u64),
            registers,
            compared: None,
            stack: HashMap::new(),
            stored: None,
        }
    }

    /// ModRM, SIB and displacement.
    pub(super) fn operands(&mut self, prefix: Prefix, constant: u64) -> Option<Pair> {
        let modes = self.byte()?;
        let (mode, low) = (modes >> 6, modes & 7);
        let register = prefix.extended(4, modes >> 3);
        if mode == 3 {
            let other = Operand::Register(prefix.extended(1, low));
            return Some(Pair { register, other });
        }
        let mut address = match low {
            4 => self.scaled(prefix, mode)?,
            5 if mode == 0 => {
                let distance = self.number()?;
                let next = self.at.wrapping_add(constant);
                Some(next.wrapping_add_signed(distance))
            }
            _ => self.registers[prefix.extended(1, low)],
        };
        let distance = match mode {
            1 => i64::from(self.byte()?.cast_signed()),
            2 => self.number()?,
            _ => 0,
        };
        address = address.map(|address| address.wrapping_add_signed(distance));
        if prefix.is_of_thread {
            let thread = self.thread;
            address = address.and_then(|address| Some(address.wrapping_add(thread?)));
        }
        let other = Operand::Memory(address);
        Some(Pair { register, other })
    }

    fn scaled(&mut self, prefix: Prefix, mode: u8) -> Option<Option<u64>> {
        let scaled = self.byte()?;
        let index = prefix.extended(2, scaled >> 3);
        let index = match index {
            // None at all.
            4 => Some(0),
            index => self.registers[index].map(|value| value.wrapping_shl(u32::from(scaled >> 6))),
        };
        let base = if scaled & 7 == 5 && mode == 0 {
            Some(self.number()?.cast_unsigned())
        } else {
            self.registers[prefix.extended(1, scaled)]
        };
        Some(base.and_then(|base| Some(base.wrapping_add(index?))))
    }

    pub(super) fn of_register(&self, register: usize, wide: bool) -> Option<u64> {
        self.registers[register].map(|value| cut(value, wide))
    }

    pub(super) fn load(&self, operand: Operand, wide: bool) -> Option<u64> {
        match operand {
            Operand::Register(register) => self.of_register(register, wide),
            Operand::Memory(address) => {
                let address = address?;
                if let Some(kept) = self.stack.get(&address) {
                    return kept.map(|value| cut(value, wide));
                }
                let address = usize::try_from(address).ok()?;
                if wide {
                    self.pages.read::<u64>(address)
                } else {
                    self.pages.read::<u32>(address).map(u64::from)
                }
            }
        }
    }

    /// A function that writes elsewhere than to its argument is no getter.
    pub(super) fn store(&mut self, operand: Operand, value: Option<u64>, wide: bool) -> Option<()> {
        match operand {
            Operand::Register(register) => {
                self.registers[register] = value.map(|value| cut(value, wide));
            }
            Operand::Memory(Some(ARGUMENT)) => self.stored = Some(value? as u32),
            Operand::Memory(_) => return None,
        }
        Some(())
    }

    pub(super) fn push(&mut self, register: usize) -> Option<()> {
        let top = self.registers[RSP]?.wrapping_sub(8);
        self.stack.insert(top, self.registers[register]);
        self.registers[RSP] = Some(top);
        Some(())
    }

    pub(super) fn pop(&mut self, register: usize) -> Option<()> {
        let top = self.registers[RSP]?;
        self.registers[register] = self.stack.get(&top).copied()?;
        self.registers[RSP] = Some(top.wrapping_add(8));
        Some(())
    }

    pub(super) fn called(&mut self) {
        for register in CHANGED_BY_CALLS {
            self.registers[register] = None;
        }
        self.compared = None;
    }

    pub(super) fn compare(&mut self, left: Option<u64>, right: Option<u64>, wide: bool) {
        let both = left.and_then(|left| Some((signed(left, wide), signed(right?, wide))));
        self.compared = both;
    }

    /// Whether the condition in an opcode's last four bits holds.
    pub(super) fn holds(&self, opcode: u8) -> Option<bool> {
        let (left, right) = self.compared?;
        let holds = match opcode & 0xe {
            0x4 => left == right,
            0xc => left < right,
            0xe => left <= right,
            // The sign of the difference, which is clear where that can't overflow.
            0x8 if right == 0 => left < 0,
            _ => return None,
        };
        Some(holds != (opcode & 1 == 1))
    }

    pub(super) fn jump(&mut self, distance: i64, does: bool) {
        if does {
            self.at = self.at.wrapping_add_signed(distance);
        }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        let address = usize::try_from(self.at).ok()?;
        self.pages.copy(address, &mut byte).then_some(())?;
        self.at = self.at.wrapping_add(1);
        Some(byte[0])
    }

    /// A signed number of four bytes.
    pub(super) fn number(&mut self) -> Option<i64> {
        let address = usize::try_from(self.at).ok()?;
        let number = self.pages.read::<u32>(address)?;
        self.at = self.at.wrapping_add(4);
        Some(i64::from(number.cast_signed()))
    }
}

/// A value in a register of eight bytes, or of four.
pub(super) fn cut(value: u64, wide: bool) -> u64 {
    if wide { value } else { value & 0xffff_ffff }
}

pub(super) fn signed(value: u64, wide: bool) -> i64 {
    if wide {
        value.cast_signed()
    } else {
        i64::from((value as u32).cast_signed())
    }
}
