"""The doctor: a model comes in, a diagnosis with its proof goes out."""

from vgplib.doctor.calibration import calibration
from vgplib.doctor.diagnosis import Diagnosis, Finding, Remedy
from vgplib.doctor.examine import examine
from vgplib.doctor.judging.rules import rules

__all__ = ["Diagnosis", "Finding", "Remedy", "calibration", "examine", "rules"]
