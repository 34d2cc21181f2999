package validator

// charKind tells what a byte of ASCII may be in the formats.
type charKind uint8

const (
	charLabel charKind = 1 << iota // letter, digit or hyphen: of a host's label
	charAtom                       // of an unquoted local part of a mailbox, without the dot
	charURI                        // unreserved or sub-delimiter: anywhere in a URI
)

var charKinds = func() (kinds [256]charKind) {
	mark := func(kind charKind, chars string) {
		for _, c := range []byte(chars) {
			kinds[c] |= kind
		}
	}
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	mark(charLabel, alphanumeric+"-")
	mark(charAtom, alphanumeric+"!#$%&'*+-/=?^_`{|}~")
	mark(charURI, alphanumeric+"-._~!$&'()*+,;=")
	return kinds
}()
