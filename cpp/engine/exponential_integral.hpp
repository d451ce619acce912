// Generalised exponential integrals E_p(b) = int_1^inf exp(-b t) t^-p dt, of orders a half apart.
#pragma once

namespace atomsmith {

// Values of orders -1, -1/2, 0, ..., (n-3)/2 at b > 0, to about 1e-13 of each; n is at least 5.
void exponential_integrals(double b, int n, double* values);

} // namespace atomsmith
