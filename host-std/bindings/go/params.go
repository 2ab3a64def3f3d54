package subvm

// #include <subvm_host.h>
import "C"

import "unsafe"

// Floats says what float instructions do in deterministic mode.
type Floats uint32

const (
	// FloatsSoft: IEEE 754 in integer arithmetic.
	FloatsSoft Floats = C.SUBVM_FLOATS_SOFT
	// FloatsTrap: to reach one is a trap.
	FloatsTrap Floats = C.SUBVM_FLOATS_TRAP
	// FloatsCanonical: the hardware's, with canonical NaNs.
	FloatsCanonical Floats = C.SUBVM_FLOATS_CANONICAL
)

// Profile says whose rules contracts find.
type Profile uint32

const (
	// ProfileSeed: subvm's own.
	ProfileSeed Profile = C.SUBVM_PROFILE_SEED
	// ProfileGenVM01: those of GenVM 0.1.
	ProfileGenVM01 Profile = C.SUBVM_PROFILE_GENVM_0_1
	// ProfileGenVM02: those of GenVM 0.2.
	ProfileGenVM02 Profile = C.SUBVM_PROFILE_GENVM_0_2
	// ProfileGenVM03: those of GenVM 0.3.
	ProfileGenVM03 Profile = C.SUBVM_PROFILE_GENVM_0_3
)

// Personality says how files and processes read.
type Personality uint32

const (
	// PersonalitySeed: as the specification says to the letter.
	PersonalitySeed Personality = C.SUBVM_PERSONALITY_SEED
	// PersonalityProgram: as programs of stock libcs expect.
	PersonalityProgram Personality = C.SUBVM_PERSONALITY_PROGRAM
	// PersonalityGenVM: as GenVM 0.3 says.
	PersonalityGenVM Personality = C.SUBVM_PERSONALITY_GENVM
)

// Params are the consensus parameters: what all nodes of a chain must have in common. Begin with DefaultParams.
type Params struct {
	Floats      Floats
	Profile     Profile
	Personality Personality
	// Schedule is the version of the price table.
	Schedule uint32
	// Lowering is the version of lowering.
	Lowering uint32
	// Fingerprints: whether a failed run carries one.
	Fingerprints bool
	// Exceptions: whether modules may use them.
	Exceptions bool
	// RAM is in bytes, for each mode.
	RAM uint64
	// StackUnits are for each mode.
	StackUnits uint64
	// NondetResult is the bytes of one non-deterministic result.
	NondetResult uint64
	// GasTime is time gas of the deterministic side, in ticks.
	GasTime uint64
	// GasTimeNondet is time gas of all non-deterministic sub-VMs together, in ticks.
	GasTimeNondet uint64
	// GasStorage is in pages.
	GasStorage uint64
	// GasData is in bytes.
	GasData uint64
	// OpenFds are descriptors open at once.
	OpenFds uint32
	// Depth is of nested sub-VMs.
	Depth uint32
	// NondetBlocks are non-deterministic blocks in a transaction.
	NondetBlocks uint32
	// FingerprintFrames are the innermost frames that a fingerprint lists.
	FingerprintFrames uint32
	// RefusedEnv are patterns of names that an environment may not hold ("LD_*"). Nil: those of the default.
	RefusedEnv []string
}

// DefaultParams are those of chains that choose nothing.
func DefaultParams() Params {
	var params C.subvm_params_t
	// It fails without a pointer only.
	if err := failure(C.subvm_params_default(&params)); err != nil {
		panic(err)
	}
	return Params{
		Floats: Floats(params.floats), Profile: Profile(params.profile), Personality: Personality(params.personality),
		Schedule: uint32(params.schedule), Lowering: uint32(params.lowering),
		Fingerprints: bool(params.fingerprints), Exceptions: bool(params.exceptions),
		RAM: uint64(params.ram), StackUnits: uint64(params.stack_units), NondetResult: uint64(params.nondet_result),
		GasTime: uint64(params.gas_time), GasTimeNondet: uint64(params.gas_time_nondet),
		GasStorage: uint64(params.gas_storage), GasData: uint64(params.gas_data),
		OpenFds: uint32(params.open_fds), Depth: uint32(params.depth),
		NondetBlocks: uint32(params.nondet_blocks), FingerprintFrames: uint32(params.fingerprint_frames),
	}
}

// Encode gives the canonical bytes, which Transaction.Params takes. It is an error of CodeParams where this release cannot run under them.
func (p Params) Encode() ([]byte, error) {
	var memory arena
	defer memory.free()
	params := (*C.subvm_params_t)(memory.array(1, unsafe.Sizeof(C.subvm_params_t{})))
	*params = C.subvm_params_t{
		size:   C.size_t(unsafe.Sizeof(*params)),
		floats: C.uint32_t(p.Floats), profile: C.uint32_t(p.Profile), personality: C.uint32_t(p.Personality),
		schedule: C.uint32_t(p.Schedule), lowering: C.uint32_t(p.Lowering),
		fingerprints: C.bool(p.Fingerprints), exceptions: C.bool(p.Exceptions),
		ram: C.uint64_t(p.RAM), stack_units: C.uint64_t(p.StackUnits), nondet_result: C.uint64_t(p.NondetResult),
		gas_time: C.uint64_t(p.GasTime), gas_time_nondet: C.uint64_t(p.GasTimeNondet),
		gas_storage: C.uint64_t(p.GasStorage), gas_data: C.uint64_t(p.GasData),
		open_fds: C.uint32_t(p.OpenFds), depth: C.uint32_t(p.Depth),
		nondet_blocks: C.uint32_t(p.NondetBlocks), fingerprint_frames: C.uint32_t(p.FingerprintFrames),
	}
	if p.RefusedEnv != nil {
		params.refused_env, params.refused_env_len = memory.texts(p.RefusedEnv)
		if params.refused_env == nil {
			// None at all is another thing than those of the default.
			params.refused_env = (*C.subvm_bytes_t)(memory.array(1, unsafe.Sizeof(C.subvm_bytes_t{})))
		}
	}
	return filled(func(buffer *C.subvm_buffer_t) *C.subvm_error_t { return C.subvm_params_encode(params, buffer) })
}

// ParamsDigest is what stands in every receipt, of the canonical bytes of parameters, which are checked.
func ParamsDigest(params []byte) (Digest, error) {
	var memory arena
	defer memory.free()
	var digest C.subvm_word_t
	err := failure(C.subvm_params_digest(memory.bytes(params), &digest))
	return unword(digest), err
}
