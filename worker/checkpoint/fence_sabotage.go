//go:build sabotage_fence

package checkpoint

// fence lets every epoch write: jepsen builds the product like this once, to
// prove that its checks notice.
const fence = " AND 0 <= "
