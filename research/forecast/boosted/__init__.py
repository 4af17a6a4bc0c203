"""Gradient boosting across lines, by LightGBM or XGBoost, as a forecast of returns."""
