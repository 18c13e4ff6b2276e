"""Gates: rules that must hold before numbers move on."""
