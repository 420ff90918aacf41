"""The doctor: a model comes in, a diagnosis with its proof goes out."""

from vgplib.doctor.calibration import calibration, rules
from vgplib.doctor.conditions.condition import Finding, Remedy
from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.examine import examine

__all__ = ["Diagnosis", "Finding", "Remedy", "calibration", "examine", "rules"]
