"""What theory says about signals in deep networks: mean-field theory and closed forms.

What is called a ``..._factor`` is of the *norm* of the error signal dloss/dz, going back one
layer; ``chi`` alone is of its square. Numbers may be arrays: the answer is then an array of their
common shape, else a float.

=================  ==================================================================
wide networks      ``fixed_point``, ``chi``, ``signal_factor``, ``depth_scale``,
                   ``fixed_correlation``, ``correlation_map``, ``difference_profile``,
                   ``critical_line``, ``signal_profile``, ``normal_expectation``
initial weights    ``lecun_variance``, ``glorot_variance``, ``glorot_bound``,
                   ``he_variance``, ``pytorch_variance``, ``preserving_variance``, ``gain``
products of them   ``largest_singular_value``, ``log_norm_mean``, ``log_norm_variance``,
                   ``born_dead_probability``, ``dead_unit_probability``
normalisation      ``batch_norm_factor``, ``layer_norm_factor``, ``group_norm_factor``,
                   ``dropout_factor``, ``weight_norm_factor``
short paths        ``residual_growth``, ``residual_factor``, ``fixup_scale``,
                   ``deepnorm_alpha``, ``deepnorm_beta``, ``highway_carry``,
                   ``shattering_correlation``
through time       ``linear_recurrence``, ``recurrent_bound``, ``gate_path``, ``mean_gate``,
                   ``chrono_bias``
descent            ``clip_coefficient``, ``clip_by_norm``, ``clip_by_value``, ``decay_left``,
                   ``adam_first_step``, ``guessing_loss``
number formats     ``number_format``, ``underflow_depth``
=================  ==================================================================
"""

from vgplib.measures.theory.correlation import (
    correlation_map,
    difference_profile,
    fixed_correlation,
)
from vgplib.measures.theory.depth_scales import depth_scale
from vgplib.measures.theory.descent import (
    adam_first_step,
    clip_by_norm,
    clip_by_value,
    clip_coefficient,
    decay_left,
    guessing_loss,
)
from vgplib.measures.theory.initialisation import (
    born_dead_probability,
    dead_unit_probability,
    gain,
    glorot_bound,
    glorot_variance,
    he_variance,
    largest_singular_value,
    lecun_variance,
    log_norm_mean,
    log_norm_variance,
    preserving_variance,
    pytorch_variance,
)
from vgplib.measures.theory.mean_field import (
    chi,
    critical_line,
    fixed_point,
    normal_expectation,
    signal_factor,
    signal_profile,
)
from vgplib.measures.theory.normalisation import (
    batch_norm_factor,
    dropout_factor,
    group_norm_factor,
    layer_norm_factor,
    weight_norm_factor,
)
from vgplib.measures.theory.number_formats import NumberFormat, number_format, underflow_depth
from vgplib.measures.theory.recurrent import (
    chrono_bias,
    gate_path,
    linear_recurrence,
    mean_gate,
    recurrent_bound,
)
from vgplib.measures.theory.residual import (
    deepnorm_alpha,
    deepnorm_beta,
    fixup_scale,
    highway_carry,
    residual_factor,
    residual_growth,
    shattering_correlation,
)

__all__ = [
    "NumberFormat",
    "adam_first_step",
    "batch_norm_factor",
    "born_dead_probability",
    "chi",
    "chrono_bias",
    "clip_by_norm",
    "clip_by_value",
    "clip_coefficient",
    "correlation_map",
    "critical_line",
    "dead_unit_probability",
    "decay_left",
    "deepnorm_alpha",
    "deepnorm_beta",
    "depth_scale",
    "difference_profile",
    "dropout_factor",
    "fixed_correlation",
    "fixed_point",
    "fixup_scale",
    "gain",
    "gate_path",
    "glorot_bound",
    "glorot_variance",
    "group_norm_factor",
    "guessing_loss",
    "he_variance",
    "highway_carry",
    "largest_singular_value",
    "layer_norm_factor",
    "lecun_variance",
    "linear_recurrence",
    "log_norm_mean",
    "log_norm_variance",
    "mean_gate",
    "normal_expectation",
    "number_format",
    "preserving_variance",
    "pytorch_variance",
    "recurrent_bound",
    "residual_factor",
    "residual_growth",
    "shattering_correlation",
    "signal_factor",
    "signal_profile",
    "underflow_depth",
    "weight_norm_factor",
]
