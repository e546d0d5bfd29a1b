{{ kpi_report('year', 'year') }}
