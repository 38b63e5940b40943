//! What a small function would return, found by following its code in another
//! process's memory, without running anything there.
//!
//! A library's getter is a handful of instructions: it loads a variable of the
//! library's or of the thread's, and returns it. Those instructions are understood;
//! whatever else stands there makes the answer unknown. A function that is called is
//! passed over: getters call what initialises the library, and return a variable then.
//! What such a call leaves in registers is unknown.
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2
//! (encodings); the System V ABI for x86-64 (registers, TLS at `fs`).

mod machine;

use super::object_memory::Pages;
use machine::{Machine, Operand, Pair, Prefix, RAX, cut, signed};

/// Instructions that are followed at most.
const MOST_STEPS: usize = 64;
/// What a function does, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// What it returns.
    pub(super) returned: Option<u64>,
    /// The `int` that it stores where its argument points.
    pub(super) stored: Option<u32>,
}

/// Follows the code at an address. `thread` is where the thread's own variables are.
pub(super) fn run(pages: &Pages, address: usize, thread: Option<usize>) -> Option<Answer> {
    let mut machine = Machine::new(pages, address, thread);
    for _ in 0..MOST_STEPS {
        if machine.step()? == Step::Returns {
            return Some(Answer {
                returned: machine.registers[RAX],
                stored: machine.stored,
            });
        }
    }
    None
}

#[derive(PartialEq, Eq)]
enum Step {
    Goes,
    Returns,
}

impl Machine<'_> {
    fn step(&mut self) -> Option<Step> {
        let mut prefix = Prefix::default();
        let mut opcode = self.byte()?;
        // bnd, rep and fs, then REX: any order but this is none of a compiler's.
        while matches!(opcode, 0xf2 | 0xf3 | 0x64) {
            prefix.is_of_thread |= opcode == 0x64;
            opcode = self.byte()?;
        }
        if opcode & 0xf0 == 0x40 {
            prefix.rex = opcode;
            opcode = self.byte()?;
        }
        match opcode {
            0xc3 => return Some(Step::Returns),
            0x0f => self.two_bytes(prefix)?,
            0x50..=0x57 => self.push(prefix.extended(1, opcode))?,
            0x58..=0x5f => self.pop(prefix.extended(1, opcode))?,
            0x70..=0x7f => {
                let distance = i64::from(self.byte()?.cast_signed());
                self.jump(distance, self.holds(opcode)?);
            }
            0xeb => {
                let distance = i64::from(self.byte()?.cast_signed());
                self.jump(distance, true);
            }
            0xe9 => {
                let distance = self.number()?;
                self.jump(distance, true);
            }
            0xe8 => {
                self.number()?;
                self.called();
            }
            0xb8..=0xbf if !prefix.is_wide() => {
                let value = self.number()? as u32;
                self.registers[prefix.extended(1, opcode)] = Some(u64::from(value));
            }
            0x90 => {}
            _ => self.with_operands(opcode, prefix)?,
        }
        Some(Step::Goes)
    }

    /// Instructions with a register and an operand of any kind.
    fn with_operands(&mut self, opcode: u8, prefix: Prefix) -> Option<()> {
        // Those that end in a constant: an address beside `rip` counts from after it.
        let constant = match opcode {
            0x83 => 1,
            0x81 | 0xc7 => 4,
            _ => 0,
        };
        let pair = self.operands(prefix, constant)?;
        let wide = prefix.is_wide();
        match opcode {
            0x8b => self.registers[pair.register] = self.load(pair.other, wide),
            0x89 => self.store(pair.other, self.of_register(pair.register, wide), wide)?,
            0x8d => match pair.other {
                Operand::Memory(address) if !prefix.is_of_thread => {
                    let cut = address.map(|address| cut(address, wide));
                    self.registers[pair.register] = cut;
                }
                _ => return None,
            },
            0x63 => {
                let value = self.load(pair.other, false);
                let extended = value.map(|value| i64::from((value as u32).cast_signed()));
                self.registers[pair.register] = extended.map(i64::cast_unsigned);
            }
            0x31 | 0x33 => match pair.other {
                Operand::Register(other) if other == pair.register => {
                    self.registers[other] = Some(0);
                }
                _ => return None,
            },
            0x85 => {
                let values = (self.of_register(pair.register, wide), pair.other);
                let (Some(one), other) = values else {
                    self.compared = None;
                    return Some(());
                };
                let both = self.load(other, wide).map(|other| one & other);
                self.compared = both.map(|both| (signed(both, wide), 0));
            }
            0x39 | 0x3b => {
                let register = self.of_register(pair.register, wide);
                let other = self.load(pair.other, wide);
                let (left, right) = match opcode {
                    0x39 => (other, register),
                    _ => (register, other),
                };
                self.compare(left, right, wide);
            }
            0x81 | 0x83 => {
                let constant = match constant {
                    1 => i64::from(self.byte()?.cast_signed()),
                    _ => self.number()?,
                };
                self.with_constant(&pair, constant.cast_unsigned(), wide)?;
            }
            0xc7 if pair.register & 7 == 0 => {
                let value = self.number()?.cast_unsigned();
                self.store(pair.other, Some(cut(value, wide)), wide)?;
            }
            // Calls, and the jumps of a procedure linkage table.
            0xff if pair.register & 7 == 2 => self.called(),
            0xff if pair.register & 7 == 4 => self.at = self.load(pair.other, true)?,
            _ => return None,
        }
        Some(())
    }

    /// `add`, `sub` and `cmp` with a constant.
    fn with_constant(&mut self, pair: &Pair, constant: u64, wide: bool) -> Option<()> {
        let value = self.load(pair.other, wide);
        match pair.register & 7 {
            0 => self.store(pair.other, value.map(|v| v.wrapping_add(constant)), wide),
            5 => self.store(pair.other, value.map(|v| v.wrapping_sub(constant)), wide),
            7 => {
                self.compare(value, Some(cut(constant, wide)), wide);
                Some(())
            }
            _ => None,
        }
    }

    fn two_bytes(&mut self, prefix: Prefix) -> Option<()> {
        let opcode = self.byte()?;
        match opcode {
            // endbr64, and instructions that do nothing.
            0x1e | 0x1f => {
                self.operands(prefix, 0)?;
            }
            0x40..=0x4f => {
                let pair = self.operands(prefix, 0)?;
                let wide = prefix.is_wide();
                let value = self.load(pair.other, wide);
                let old = self.of_register(pair.register, wide);
                self.registers[pair.register] = match self.holds(opcode) {
                    Some(true) => value,
                    Some(false) => old,
                    None => None,
                };
            }
            0x80..=0x8f => {
                let distance = self.number()?;
                self.jump(distance, self.holds(opcode)?);
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
