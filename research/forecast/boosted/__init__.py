"""Gradient boosting across assets, by LightGBM or XGBoost, as a forecast of returns."""
